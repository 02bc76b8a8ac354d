// Whom a call's limit is for, by the names that people use, and back.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// The words of a call that name a subject: "account", "tenant", … Given by the body or by the query.
using Words = std::function<std::string(std::string_view)>;

struct NamedLimit {
  tenants::Limit limit;            // scope and subject, and what the directory has of it now
  std::string name;                // "anna@acme.example", "acme", "192.0.2.1 google"
  std::optional<TenantId> tenant;  // whose it is; nothing: the operator's
  // Of an account's as it holds: what of it is its own, and the plan that the rest comes from.
  std::optional<tenants::Limit> own = {};
  std::string plan = {};
};

// kInvalid unless the words name one subject; kNotFound for what the caller may not see. Blocks.
Result<NamedLimit> limit_named_by(const AdminServices& services, const Caller& caller, const Words& words);
// kInvalid for what cannot be the name of a site. What is stored already can be unset all the same.
Status check_site(std::string_view site);
// The name and the tenant of a stored limit; blocks for an account's.
NamedLimit with_name(const AdminServices& services, const tenants::Limit& limit);

}  // namespace bulkhead::admin

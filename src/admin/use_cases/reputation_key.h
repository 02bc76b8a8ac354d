// Whose reputation a caller names.
#pragma once

#include <optional>
#include <string>

#include "monitoring/reputation/key.h"
#include "src/admin/call.h"
#include "src/admin/services.h"
#include "src/base/task.h"

namespace bulkhead::admin {

struct NamedKey {
  reputation::Key key;
  TenantId tenant;   // nil: nobody's
  std::string name;  // for people
};

// "user@domain" or an account's id; a source address; "IP@SITE" of one; a domain or a tenant here; "client:192.0.2.7";
// "site:google.com". What is ambiguous is said with its kind before it: "tenant:acme". kNotFound for what there is not,
// and for what the caller may not see. Resumes on `shard`.
Task<Result<NamedKey>> find_key(const AdminServices& services, net::Shard& shard, Caller caller, std::string text);
// The name and the tenant of a key that was found otherwise, as far as they are known; nil tenant: nobody's.
Task<NamedKey> name_key(const AdminServices& services, net::Shard& shard, reputation::Key key);

}  // namespace bulkhead::admin

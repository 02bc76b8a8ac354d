// Finds what a caller names, by name or by id, among what the caller may see. What it may not see is not found, in
// the same words as what does not exist.
#pragma once

#include <algorithm>
#include <functional>
#include <ranges>
#include <string_view>
#include <vector>

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

Result<tenants::Tenant> find_tenant(const AdminServices& services, const Caller& caller, std::string_view name);
Result<tenants::Domain> find_domain(const AdminServices& services, const Caller& caller, std::string_view name);
Result<tenants::SourceAddress> find_address(const AdminServices& services, const Caller& caller, std::string_view ip);
// Blocks: asks the database.
Result<tenants::Account> find_account(const AdminServices& services, const Caller& caller, std::string_view name);
Result<tenants::Alias> find_alias(const AdminServices& services, const Caller& caller, std::string_view from);

// The domain of a mail address, when it is the caller's to give out: kNotFound otherwise.
Result<tenants::Domain> domain_of(const AdminServices& services, const Caller& caller, const mail::Address& address);
// As the directory keeps it: lower case, under the present name of its domain.
mail::Address as_kept(const AdminServices& services, mail::Address address);
// "local@domain" with the local part in lower case, as accounts and aliases are kept.
Result<mail::Address> parse_local_address(std::string_view text);

// The tenants that a list is limited to, in order of their ids; nothing for all.
struct TenantScope {
  std::optional<std::vector<TenantId>> tenants;
  bool includes(const TenantId& id) const {
    return !tenants || std::binary_search(tenants->begin(), tenants->end(), id);
  }
  bool includes(const std::optional<TenantId>& id) const { return !tenants || (id && includes(*id)); }
};
// The one that `name` says, or all that the caller sees when it is empty.
Result<TenantScope> scope_of(const AdminServices& services, const Caller& caller, const std::string& name);
// The scope of a list: ?tenant= names one.
Result<TenantScope> tenant_scope(const AdminServices& services, const Call& call);
// The first `limit` rows of all tenants of the scope, by `key`: `fetch` gets those of one tenant, or of all with
// nothing, already in that order.
template <class Row, class Fetch, class Key>
Result<std::vector<Row>> rows_of(const TenantScope& scope, std::size_t limit, Fetch fetch, Key key) {
  if (!scope.tenants) return fetch(std::optional<TenantId>{});
  std::vector<Row> all;
  for (const auto& tenant : *scope.tenants) {
    Result<std::vector<Row>> rows = fetch(std::optional{tenant});
    if (!rows) return rows;
    const auto middle = static_cast<std::ptrdiff_t>(all.size());
    all.insert(all.end(), std::make_move_iterator(rows->begin()), std::make_move_iterator(rows->end()));
    std::ranges::inplace_merge(all, all.begin() + middle, {}, key);
    if (all.size() > limit) all.erase(all.begin() + static_cast<std::ptrdiff_t>(limit), all.end());
  }
  return all;
}
// The name of a tenant for showing; its id when it is gone.
std::string tenant_name(const tenants::Snapshot& snapshot, const TenantId& id);

// kForbidden unless the caller is the operator: "only the operator may WHAT".
Status require_operator(const Caller& caller, std::string_view what);
// kForbidden unless the caller is the operator, or a reseller that owns the tenant.
Status require_above(const Caller& caller, const TenantId& tenant, std::string_view what);

// ?limit= and ?after= of a list. Limit 1 to 1000, 100 when absent.
struct Page {
  std::size_t limit = 100;
  std::string after;
};
Result<Page> page_of(const Call& call);
// {"items": […], "next": "…" or null}: `next` is what ?after= takes for the following page.
Json page_json(Json items, std::string next);
// Sorts rows of the snapshot by their key and shows the first `limit`; they were chosen to come after page.after.
template <class Row, class Key, class Show>
Json page_of_sorted(std::vector<const Row*>& rows, std::size_t limit, Key key, Show show) {
  std::ranges::sort(rows, {}, [&](const Row* row) { return std::invoke(key, *row); });
  Json items = Json::array();
  for (const Row* row : rows | std::views::take(limit)) items.push_back(show(*row));
  return page_json(std::move(items), rows.size() > limit ? std::invoke(key, *rows[limit - 1]) : std::string{});
}

}  // namespace bulkhead::admin

#include "src/admin/use_cases/lookup.h"

#include <charconv>

#include <fmt/format.h>

namespace bulkhead::admin {
namespace {

constexpr std::size_t kPageMax = 1000;

tl::unexpected<Error> not_found(std::string_view kind, std::string_view name) {
  return fail(ErrorCode::kNotFound, fmt::format("no {} \"{}\"", kind, escape_controls(name, 320)),
              fmt::format("list what there is with: bulkhead {} list", kind));
}

}  // namespace

Result<tenants::Tenant> find_tenant(const AdminServices& services, const Caller& caller, std::string_view name) {
  const auto snapshot = services.live.snapshot();
  const tenants::Tenant* found = snapshot->tenant_by_name(name);
  if (found == nullptr) {
    if (const auto id = TenantId::parse(name)) found = snapshot->tenant(*id);
  }
  if (found == nullptr || !caller.sees(found->id)) return not_found("tenant", name);
  return *found;
}

Result<tenants::Domain> find_domain(const AdminServices& services, const Caller& caller, std::string_view name) {
  const auto snapshot = services.live.snapshot();
  const auto canonical = mail::canonical_domain(name);
  const tenants::Domain* found = canonical ? snapshot->domain_by_name(*canonical) : nullptr;
  if (found == nullptr) {
    if (const auto id = DomainId::parse(name)) found = snapshot->domain(*id);
  }
  if (found == nullptr || !caller.sees(found->tenant)) return not_found("domain", name);
  return *found;
}

Result<tenants::SourceAddress> find_address(const AdminServices& services, const Caller& caller, std::string_view ip) {
  const auto snapshot = services.live.snapshot();
  const auto parsed = IpAddress::parse(ip);
  const tenants::SourceAddress* found = parsed ? snapshot->address(*parsed) : nullptr;
  if (const auto id = AddressId::parse(ip); found == nullptr && id) {
    for (const auto& address : snapshot->addresses()) {
      if (address.id == *id) found = &address;
    }
  }
  if (found == nullptr || !caller.sees(found->tenant)) return not_found("address", ip);
  return *found;
}

Result<tenants::Account> find_account(const AdminServices& services, const Caller& caller, std::string_view name) {
  Result<std::optional<tenants::Account>> found = std::nullopt;
  if (const auto id = AccountId::parse(name)) {
    found = services.directory.account_by_id(*id);
  } else if (const auto address = mail::Address::parse(name)) {
    found = services.directory.account_by_address(*address);
  }
  if (!found) return fail(found.error());
  if (!*found || !caller.sees((*found)->tenant)) return not_found("account", name);
  return std::move(**found);
}

Result<tenants::Alias> find_alias(const AdminServices& services, const Caller& caller, std::string_view from) {
  Result<std::optional<tenants::Alias>> found = std::nullopt;
  if (const auto address = mail::Address::parse(from)) found = services.directory.alias_by_address(*address);
  if (!found) return fail(found.error());
  if (!*found || !caller.sees((*found)->tenant)) return not_found("alias", from);
  return std::move(**found);
}

Result<tenants::Domain> domain_of(const AdminServices& services, const Caller& caller, const mail::Address& address) {
  return find_domain(services, caller, address.domain);
}

Result<mail::Address> parse_local_address(std::string_view text) {
  auto address = mail::Address::parse(text);
  if (!address) return address;
  for (char& c : address->local) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return address;
}

mail::Address as_kept(const AdminServices& services, mail::Address address) {
  for (char& c : address.local) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  const auto snapshot = services.live.snapshot();
  if (const auto* domain = snapshot->domain_by_name(address.domain)) address.domain = domain->name;
  return address;
}

Result<TenantScope> scope_of(const AdminServices& services, const Caller& caller, const std::string& name) {
  if (!name.empty()) {
    const auto tenant = find_tenant(services, caller, name);
    if (!tenant) return fail(tenant.error());
    return TenantScope{{{tenant->id}}};
  }
  if (caller.is_operator()) return TenantScope{};
  auto tenants = caller.owned;
  tenants.insert(std::ranges::lower_bound(tenants, *caller.tenant), *caller.tenant);
  return TenantScope{std::move(tenants)};
}

Result<TenantScope> tenant_scope(const AdminServices& services, const Call& call) {
  return scope_of(services, call.caller, call.in_query("tenant"));
}

std::string tenant_name(const tenants::Snapshot& snapshot, const TenantId& id) {
  const auto* tenant = snapshot.tenant(id);
  return tenant != nullptr ? tenant->name : id.text();
}

Status require_operator(const Caller& caller, std::string_view what) {
  if (caller.is_operator()) return {};
  return fail(ErrorCode::kForbidden, fmt::format("only the operator may {}", what), "ask the operator of this server");
}

Status require_above(const Caller& caller, const TenantId& tenant, std::string_view what) {
  return caller.is_above(tenant) ? Status{} : require_operator(caller, what);
}

Result<Page> page_of(const Call& call) {
  Page page{.limit = 100, .after = call.in_query("after")};
  const auto limit = call.in_query("limit");
  if (limit.empty()) return page;
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), page.limit);
  if (error != std::errc{} || end != limit.data() + limit.size() || page.limit < 1 || page.limit > kPageMax) {
    return fail(ErrorCode::kInvalid, fmt::format("limit must be a number from 1 to {}", kPageMax));
  }
  return page;
}

Json page_json(Json items, std::string next) {
  Json page;
  page["items"] = std::move(items);
  page["next"] = next.empty() ? Json(nullptr) : Json(std::move(next));
  return page;
}

}  // namespace bulkhead::admin

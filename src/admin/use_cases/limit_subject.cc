#include "src/admin/use_cases/limit_subject.h"

#include <array>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"

namespace bulkhead::admin {
namespace {

using tenants::Limit;
using tenants::LimitScope;

constexpr std::array<std::string_view, 6> kWords{"plan", "account", "tenant", "reseller", "address", "site"};

tl::unexpected<Error> not_one_subject() {
  return fail(ErrorCode::kInvalid, "a limit is for one subject",
              "name one of: account, tenant, reseller, address, site, plan; or an address and a site together");
}

NamedLimit made(LimitScope scope, std::string subject, std::string name, std::optional<TenantId> tenant = {}) {
  NamedLimit named;
  named.limit.scope = scope;
  named.limit.subject = std::move(subject);
  named.name = std::move(name);
  named.tenant = tenant;
  return named;
}

Result<NamedLimit> of_tenant(const AdminServices& services, const Caller& caller, std::string_view word,
                             LimitScope scope) {
  const auto tenant = find_tenant(services, caller, word);
  if (!tenant) return fail(tenant.error());
  return made(scope, tenants::limit_subject(tenant->id), tenant->name, tenant->id);
}

Result<NamedLimit> of_account(const AdminServices& services, const Caller& caller, std::string_view word) {
  const auto account = find_account(services, caller, word);
  if (!account) return fail(account.error());
  return made(LimitScope::kAccount, tenants::limit_subject(account->id), account->address.text(), account->tenant);
}

Result<NamedLimit> of_address(const AdminServices& services, const Caller& caller, const Words& words) {
  const auto address = find_address(services, caller, words("address"));
  if (!address) return fail(address.error());
  const auto site = words("site");
  if (site.empty()) {
    return made(LimitScope::kAddress, tenants::limit_subject(address->ip), address->ip.text(), address->tenant);
  }
  return made(LimitScope::kAddressSite, tenants::limit_subject(address->ip, site), address->ip.text() + " " + site,
              address->tenant);
}

Result<NamedLimit> of_plan(std::string_view word) {
  const auto plan = tenants::parse_plan(word);
  if (!plan)
    return fail(ErrorCode::kInvalid, fmt::format("no plan \"{}\"", escape_controls(word, 80)),
                "one of: new, normal, bulk");
  return made(LimitScope::kPlan, tenants::limit_subject(*plan), std::string{word});
}

}  // namespace

Result<NamedLimit> limit_named_by(const AdminServices& services, const Caller& caller, const Words& words) {
  std::vector<std::string_view> given;
  for (const auto word : kWords) {
    if (!words(word).empty()) given.push_back(word);
  }
  const bool is_pair = given.size() == 2 && given[0] == "address" && given[1] == "site";
  if (given.size() != 1 && !is_pair) return not_one_subject();
  const auto kind = given.front();
  const auto word = words(kind);
  auto named = kind == "plan"       ? of_plan(word)
               : kind == "account"  ? of_account(services, caller, word)
               : kind == "tenant"   ? of_tenant(services, caller, word, LimitScope::kTenant)
               : kind == "reseller" ? of_tenant(services, caller, word, LimitScope::kReseller)
               : kind == "address"  ? of_address(services, caller, words)
                                    : Result<NamedLimit>{made(LimitScope::kSite, word, word)};
  if (!named) return named;
  const auto snapshot = services.live.snapshot();
  if (const auto* present = snapshot->limit(named->limit.scope, named->limit.subject)) named->limit = *present;
  return named;
}

Status check_site(std::string_view site) {
  constexpr std::string_view kFit = "abcdefghijklmnopqrstuvwxyz0123456789.-_+~:[]";
  constexpr std::string_view kRoute = "route:";  // and the host as the route has it
  const auto first_bad = site.find_first_not_of(kFit);
  const bool is_fit =
      site.starts_with(kRoute) ? site.find(' ') == std::string_view::npos : first_bad == std::string_view::npos;
  if (is_fit) return {};
  return fail(ErrorCode::kInvalid, fmt::format("no site is called \"{}\"", escape_controls(site, 80)),
              "sites are named in lower case by their provider or MX hosts, as in: bulkhead queue top --by site");
}

NamedLimit with_name(const AdminServices& services, const Limit& limit) {
  NamedLimit named{limit, limit.subject, std::nullopt};
  const auto snapshot = services.live.snapshot();
  if (limit.scope == LimitScope::kAccount) {
    const auto account = services.directory.account_by_id(AccountId::from_bytes(limit.subject));
    named.name = account && *account ? (*account)->address.text() : AccountId::from_bytes(limit.subject).text();
    if (account && *account) named.tenant = (*account)->tenant;
  } else if (limit.scope == LimitScope::kTenant || limit.scope == LimitScope::kReseller) {
    named.tenant = TenantId::from_bytes(limit.subject);
    named.name = tenant_name(*snapshot, *named.tenant);
  } else if (const auto ip = tenants::limit_address(limit)) {
    const auto* address = snapshot->address(*ip);
    if (address != nullptr) named.tenant = address->tenant;
    named.name = ip->text();
    if (limit.scope == LimitScope::kAddressSite) named.name.append(" ").append(tenants::limit_site(limit));
  }
  return named;
}

}  // namespace bulkhead::admin

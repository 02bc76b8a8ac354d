// Lists of limits: all, those of one dimension, and all that an account's mail falls under.
#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "src/admin/use_cases/limit_rows.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

using tenants::Limit;
using tenants::LimitScope;

// Which limits are asked for; what is given must all hold.
struct Filter {
  TenantScope scope;
  std::optional<tenants::Plan> plan;
  std::optional<TenantId> reseller;
  std::optional<IpAddress> address;
  std::string site;

  bool means(const Limit& limit) const {
    if (plan && (limit.scope != LimitScope::kPlan || limit.subject != to_string(*plan))) return false;
    const bool is_resellers = limit.scope == LimitScope::kReseller;
    if (reseller && !(is_resellers && limit.subject == tenants::limit_subject(*reseller))) return false;
    if (address && tenants::limit_address(limit) != address) return false;
    return site.empty() || limit_site(limit) == site;
  }
};

Result<Filter> filter_of(const AdminServices& services, const Call& call) {
  Filter filter;
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  filter.scope = *scope;
  filter.site = call.in_query("site");
  if (const auto word = call.in_query("plan"); !word.empty()) {
    filter.plan = tenants::parse_plan(word);
    if (!filter.plan) return fail(ErrorCode::kInvalid, "plan is one of new, normal, bulk");
  }
  if (const auto word = call.in_query("reseller"); !word.empty()) {
    const auto tenant = find_tenant(services, call.caller, word);
    if (!tenant) return fail(tenant.error());
    filter.reseller = tenant->id;
  }
  if (const auto word = call.in_query("address"); !word.empty()) {
    const auto address = find_address(services, call.caller, word);
    if (!address) return fail(address.error());
    filter.address = address->ip;
  }
  return filter;
}

// Where a limit stands in a list; what ?after= takes.
std::string position(const Limit& limit) {
  std::string text(1, static_cast<char>('a' + static_cast<int>(limit.scope)));
  for (const char c : limit.subject) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// A limit with its name; nothing for one that is not to be shown.
using Naming = std::function<std::optional<NamedLimit>(const Limit&)>;

Json page_of_limits(const AdminServices& services, const Page& page, std::vector<Limit> limits, const Naming& naming) {
  std::ranges::sort(limits, {}, position);
  Json items = Json::array();
  std::string last;
  for (const auto& limit : limits) {
    if (position(limit) <= page.after) continue;
    if (items.size() >= page.limit) return page_json(std::move(items), last);
    const auto named = naming(limit);
    if (!named) continue;
    add_rows(services, *named, items);
    last = position(limit);
  }
  return page_json(std::move(items), {});
}

// The tenant and all that own it, as far as the caller sees them: a tenant does not learn what its reseller has agreed
// with the operator.
void add_owners(const tenants::Snapshot& snapshot, const Caller& caller, std::optional<TenantId> id,
                std::vector<Limit>& limits) {
  while (id) {
    const auto* limit = caller.sees(*id) ? snapshot.limit(LimitScope::kReseller, id->bytes()) : nullptr;
    if (limit != nullptr) limits.push_back(*limit);
    const auto* tenant = snapshot.tenant(*id);
    id = tenant == nullptr ? std::nullopt : tenant->reseller;
  }
}

// Of addresses that the tenant's mail is handed in on or leaves from, and of sites, where it may go to any.
bool may_concern(const tenants::Snapshot& snapshot, const TenantId& tenant, const Limit& limit) {
  if (const auto ip = tenants::limit_address(limit)) return snapshot.is_served_on(tenant, *ip);
  return limit.scope == LimitScope::kSite;
}

// All that an account's mail falls under: its own limits or its plan's, its tenant's, its resellers', and those of the
// addresses and sites that it may use.
Result<Json> limits_of_account(const AdminServices& services, const Call& call, const Page& page) {
  const Words word = [&call](std::string_view name) { return name == "account" ? call.in_query(name) : std::string{}; };
  auto own = limit_named_by(services, call.caller, word);
  if (!own) return fail(own.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  if (!scope->includes(own->tenant)) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is not an account of that tenant", own->name));
  }
  const auto account = services.directory.account_by_id(AccountId::from_bytes(own->limit.subject));
  if (!account) return fail(account.error());
  const auto snapshot = services.live.snapshot();
  if (*account) {
    const auto plan = netpolicy::Limiter::plan_of(*snapshot, **account, services.clock.now());
    own = with_plan(std::move(*own), *snapshot, plan);
  }
  std::vector<Limit> limits{own->limit};
  const auto* of_tenant = snapshot->limit(LimitScope::kTenant, own->tenant->bytes());
  if (of_tenant != nullptr) limits.push_back(*of_tenant);
  add_owners(*snapshot, call.caller, own->tenant, limits);
  for (const auto& limit : snapshot->limits()) {
    if (may_concern(*snapshot, *own->tenant, limit)) limits.push_back(limit);
  }
  return page_of_limits(services, page, std::move(limits), [&](const Limit& limit) -> std::optional<NamedLimit> {
    if (limit.scope == LimitScope::kAccount) return *own;
    auto named = with_name(services, limit);
    if (!call.caller.sees(named.tenant)) return std::nullopt;
    return named;
  });
}

// An account, a plan or a reseller stands alone; an address, a site and a tenant may be combined.
Status check_combination(const Call& call) {
  constexpr std::array<std::string_view, 5> kAlone{"account", "plan", "reseller", "address", "site"};
  std::vector<std::string_view> given;
  for (const auto name : kAlone) {
    if (!call.in_query(name).empty()) given.push_back(name);
  }
  if (given.size() <= 1 || (given.size() == 2 && given[0] == "address")) return {};
  return fail(ErrorCode::kInvalid, fmt::format("limits are listed by {} or by {}, not both", given[0], given[1]),
              "an address and a site may be given together");
}

}  // namespace

Result<Json> list_limits(const AdminServices& services, const Call& call) {
  if (auto checked = check_combination(call); !checked) return fail(checked.error());
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  if (!call.in_query("account").empty()) return limits_of_account(services, call, *page);
  const auto filter = filter_of(services, call);
  if (!filter) return fail(filter.error());
  const auto snapshot = services.live.snapshot();
  std::vector<Limit> limits;
  for (const auto plan : {tenants::Plan::kNew, tenants::Plan::kNormal, tenants::Plan::kBulk}) {
    limits.push_back(plan_limit(*snapshot, plan));
  }
  for (const auto& limit : snapshot->limits()) {
    if (limit.scope != LimitScope::kPlan) limits.push_back(limit);
  }
  std::erase_if(limits, [&filter](const Limit& limit) { return !filter->means(limit); });
  return page_of_limits(services, *page, std::move(limits), [&](const Limit& limit) -> std::optional<NamedLimit> {
    auto named = with_name(services, limit);
    if (!filter->scope.includes(named.tenant)) return std::nullopt;
    return named;
  });
}

}  // namespace bulkhead::admin

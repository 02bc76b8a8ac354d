#include "src/admin/use_cases/warnings.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/lookup.h"
#include "src/base/log.h"
#include "tenants/dangling.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kWarningsMax = 20;
constexpr std::size_t kNamesMax = 5;

using Names = std::vector<std::string>;

std::string first_of(const Names& names) {
  const std::size_t shown = std::min(names.size(), kNamesMax);
  const Names first(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown));
  const auto more = names.size() - shown;
  return fmt::format("{}{}", fmt::join(first, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

std::string counted_tenants(std::size_t count) {
  return count == 1 ? "one tenant" : fmt::format("{} tenants", count);
}

// Tenants that were served on the address and are not any more.
Names tenants_that_lost(const tenants::Snapshot& before, const tenants::Snapshot& after, const Caller& caller,
                        const IpAddress& ip) {
  Names names;
  for (const auto& tenant : before.tenants()) {
    const bool is_lost = before.is_served_on(tenant.id, ip) && !after.is_served_on(tenant.id, ip);
    if (is_lost && caller.sees(tenant.id)) names.push_back(tenant.name);
  }
  return names;
}

// Other addresses that served the tenant and do not any more: who gets the first address of its own leaves the shared
// ones.
Names addresses_lost(const tenants::Snapshot& before, const tenants::Snapshot& after, const TenantId& tenant,
                     const IpAddress& changed) {
  Names lost;
  for (const auto& address : before.addresses()) {
    if (address.ip == changed) continue;
    if (before.is_served_on(tenant, address.ip) && !after.is_served_on(tenant, address.ip)) {
      lost.push_back(address.ip.text());
    }
  }
  return lost;
}

bool is_one_account(std::string_view text) {
  return !text.empty() && text != "*";
}

std::string no_account(std::string_view text) {
  return fmt::format("there is no account {} now", escape_controls(text, 320));
}

// What cannot be looked up is not said to be missing; what the caller may not see is.
bool is_missing(const Result<std::optional<tenants::Account>>& found, const Caller& caller) {
  return found && (!*found || !caller.sees((*found)->tenant));
}

bool is_alias(const AdminServices& services, const mail::Address& target) {
  const auto found = services.directory.alias_by_address(as_kept(services, target));
  return found && *found;
}

}  // namespace

void add_warnings(Json& answer, const std::vector<std::string>& warnings) {
  if (!warnings.empty()) answer["warnings"] = warnings;
}

std::vector<std::string> dangling_warnings(const AdminServices& services, const Caller& caller,
                                           const std::vector<mail::Address>& targets) {
  std::vector<std::string> warnings;
  const auto snapshot = services.live.snapshot();
  for (const auto& target : targets) {
    const auto* domain = snapshot->domain_by_name(target.domain);
    if (domain == nullptr || !caller.sees(domain->tenant)) continue;
    const auto is_lost = tenants::leads_nowhere(services.directory, *snapshot, target);
    if (!is_lost || !*is_lost) continue;
    const auto name = escape_controls(target.text(), 320);
    warnings.push_back(
        is_alias(services, target)
            ? fmt::format("the alias {} leads to nobody, and mail to it is refused; see: bulkhead alias show {}", name,
                          name)
            : fmt::format(
                  "{} does not exist, and mail to it is refused until it does; make it with: bulkhead account add {}",
                  name, name));
    if (warnings.size() == kWarningsMax) break;
  }
  return warnings;
}

std::vector<std::string> dangling_warnings(const AdminServices& services, const Caller& caller,
                                           const std::string& target) {
  const auto address = mail::Address::parse(target);
  if (!address) return {};
  return dangling_warnings(services, caller, std::vector{*address});
}

std::vector<std::string> account_warnings(const AdminServices& services, const Caller& caller,
                                          const std::string& account) {
  if (!is_one_account(account)) return {};
  const auto address = mail::Address::parse(account);
  if (!address) return {no_account(account)};
  const auto found = services.directory.account_by_address(as_kept(services, *address));
  return is_missing(found, caller) ? std::vector{no_account(account)} : Names{};
}

Task<std::vector<std::string>> account_warnings(const AdminServices& services, net::Shard& shard, Caller caller,
                                                std::string account) {
  if (!is_one_account(account)) co_return Names{};
  auto address = mail::Address::parse(account);
  if (!address) co_return std::vector{no_account(account)};
  auto asking = services.live.account_by_address(shard, std::move(*address));
  const auto found = co_await std::move(asking);
  co_return is_missing(found, caller) ? std::vector{no_account(account)} : Names{};
}

std::vector<std::string> service_warnings(const AdminServices& services, const Caller& caller,
                                          const tenants::Snapshot& before, const IpAddress& changed) {
  const auto after = services.live.snapshot();
  std::vector<std::string> warnings;
  const auto* old = before.address(changed);
  const auto* now = after->address(changed);
  // An address that nobody had serves everybody until it is given to somebody; nobody was told to use it.
  const auto losers = old != nullptr ? tenants_that_lost(before, *after, caller, changed) : Names{};
  if (!losers.empty()) {
    const auto* first = after->tenant_by_name(losers.front());
    const bool has_own = first != nullptr && after->has_own_address(first->id);
    const auto remedy = has_own ? "the addresses that serve them: bulkhead address list --tenant " + losers.front()
                                : fmt::format(
                                      "to let {0} use shared addresses: bulkhead tenant set {0} "
                                      "--shared-addresses yes",
                                      losers.front());
    warnings.push_back(fmt::format("{} does not serve {} ({}) any more: users who sign in there are refused; {}",
                                   changed.text(), counted_tenants(losers.size()), first_of(losers), remedy));
  }
  for (const auto* address : {old, now}) {
    if (address == nullptr || !address->tenant || !caller.sees(*address->tenant)) continue;
    const auto lost = addresses_lost(before, *after, *address->tenant, changed);
    const auto* tenant = after->tenant(*address->tenant);
    if (lost.empty() || tenant == nullptr) continue;
    warnings.push_back(
        fmt::format("{} has an address of its own now and is served on {} no longer: its users sign in "
                    "on {}, and the MX of its domains must lead there",
                    tenant->name, first_of(lost), changed.text()));
  }
  return warnings;
}

}  // namespace bulkhead::admin

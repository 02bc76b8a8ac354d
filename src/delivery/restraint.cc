#include "src/delivery/restraint.h"

#include <fmt/format.h>

#include "src/delivery/site.h"

namespace bulkhead::delivery {

namespace {

using reputation::Key;
using reputation::KeyKind;
using Scope = queue::Pause::Scope;

constexpr std::chrono::seconds kLookAgain{15};

std::string name_of(const Key& key, const queue::HandOut& job) {
  if (key.kind == KeyKind::kAccount) return "account " + job.message.account_name;
  return key.kind == KeyKind::kTenant ? "the tenant" : key.text();
}

tenants::Rate trickle_of(KeyKind kind) {
  const bool is_one = kind == KeyKind::kAccount || kind == KeyKind::kAddressSite;
  const auto count = is_one ? kTrickleOfAccount : kTrickleOfMany;
  return {count, std::chrono::hours{1}, std::max<std::uint64_t>(count / 10, 1)};
}

}  // namespace

void Restraint::look_up(std::vector<Found>& found, Key key, Scope scope) const {
  if (const auto* restriction = restrictions_.of(key)) found.push_back({restriction, std::move(key), scope});
}

// Nobody knows yet by which family the site will be reached. What the site has said about the tenant's address of the
// other family shows that mail to it leaves by that: then that address counts, here and as a whole.
void Restraint::look_up_other_family(std::vector<Found>& found) const {
  const Family other = job_.lane.arrival.family() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  const auto& usable = directory_.usable_addresses(job_.lane.tenant, other);
  if (usable.empty()) return;
  const IpAddress& ip = usable.front()->ip;
  const auto before = found.size();
  look_up(found, Key::address_site(ip, job_.lane.site), Scope::kLane);
  if (found.size() > before) look_up(found, Key::address(ip), Scope::kLane);
}

std::vector<Restraint::Found> Restraint::all() const {
  std::vector<Found> found;
  const auto& message = job_.message;
  if (message.account) {
    look_up(found, Key::account(*message.account), Scope::kAccount);
    look_up(found, Key::tenant(message.tenant), Scope::kAccount);
    if (message.sender.address) look_up(found, Key::domain(message.sender.address->domain), Scope::kPart);
  }
  if (job_.lane.site == kLocalSite) return found;
  if (const auto* source = source_of(directory_, job_.lane)) {
    look_up(found, Key::address(source->ip), Scope::kLane);
    look_up(found, Key::address_site(source->ip, job_.lane.site), Scope::kLane);
  }
  look_up_other_family(found);
  return found;
}

std::optional<queue::Pause> Restraint::quarantine() const {
  for (const auto& found : all()) {
    if (!found.restriction->is_quarantine()) continue;
    return queue::Pause{found.scope, kLookAgain, "reputation",
                        fmt::format("{} is {}", name_of(found.key, job_), found.restriction->text()), found.part()};
  }
  return std::nullopt;
}

std::vector<Ceiling> Restraint::trickles() const {
  std::vector<Ceiling> ceilings;
  for (const auto& found : all()) {
    if (found.restriction->is_quarantine()) continue;
    const auto rate = trickle_of(found.key.kind);
    ceilings.push_back(
        {"r" + found.key.encoded(), rate, job_.recipients, "reputation",
         fmt::format("{} is {}: {} recipients", name_of(found.key, job_), found.restriction->text(), rate.text()),
         found.scope, kLookAgain, found.part()});
  }
  return ceilings;
}

}  // namespace bulkhead::delivery

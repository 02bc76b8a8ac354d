#include "src/admin/use_cases/restriction.h"

#include <set>

#include <fmt/format.h>

#include "src/admin/reputation_desk.h"
#include "src/queue/bridge.h"

namespace bulkhead::admin {
namespace {

using cases::Case;
using reputation::Key;
using reputation::State;

bool restricts(const Case& one) {
  return one.is_acting() && (one.state == State::kThrottled || one.state == State::kQuarantined);
}

bool is_visible(const Caller& caller, const Case& one) {
  return caller.is_operator() || (!one.tenant.is_nil() && caller.sees(one.tenant));
}

// Whose restrictions hold a delivery back, the nearest first.
std::vector<Key> keys_of(const queue::DeliveryView& delivery) {
  const auto& message = *delivery.message;
  std::vector<Key> keys;
  if (message.account) {
    keys.push_back(Key::account(*message.account));
    keys.push_back(Key::tenant(message.tenant));
    if (message.sender.address) keys.push_back(Key::domain(message.sender.address->domain));
  }
  if (delivery.source) {
    keys.push_back(Key::address(*delivery.source));
    keys.push_back(Key::address_site(*delivery.source, delivery.site));
  }
  return keys;
}

std::optional<Restriction> find_restriction(const ReputationDesk& desk, const Caller& caller,
                                            const std::vector<Key>& keys) {
  std::optional<Restriction> found;
  for (const auto& key : keys) {
    const auto holds_it = [&](const Case& one) { return restricts(one) && one.key == key && is_visible(caller, one); };
    const auto holding = desk.cases(holds_it, {}, 1);
    if (holding.empty()) continue;
    const Case& one = holding.front();
    if (!found) found = Restriction{one.id.text(), one.name, one.state, one.until};
    if (one.state == State::kQuarantined) return Restriction{one.id.text(), one.name, one.state, one.until};
  }
  return found;
}

}  // namespace

std::string Restriction::advice() const {
  return fmt::format("{} is {} by a case: bulkhead case show {}; to undo that at once: bulkhead case release {}", name,
                     to_string(state), case_id, case_id);
}

void Restriction::tell(Json& why) const {
  why["case"] = case_id;
  if (!why["reason"].is_object()) return;
  why["reason"]["case"] = case_id;
  why["reason"]["until"] = to_rfc3339(until);
}

Task<std::optional<Restriction>> restriction_of(const AdminServices& services, net::Shard& shard, Caller caller,
                                                queue::DeliveryView delivery) {
  if (services.reputation == nullptr || delivery.reason_code != "reputation") co_return std::nullopt;
  const auto keys = keys_of(delivery);
  queue::OnShard there{services.reputation->shard()};
  co_await there;
  auto found = find_restriction(*services.reputation, caller, keys);
  queue::OnShard back{shard};
  co_await back;
  co_return found;
}

Task<RestrictionCounts> count_restrictions(const AdminServices& services, net::Shard& shard, Caller caller) {
  RestrictionCounts counts;
  queue::OnShard there{services.reputation->shard()};
  co_await there;
  std::set<Key> seen;  // a key that two cases speak of is one
  const auto add = [&](const Case& one) {
    if (!is_visible(caller, one)) return false;
    if (one.is_open()) ++counts.cases_open;
    if (restricts(one) && seen.insert(one.key).second) {
      ++(one.state == State::kQuarantined ? counts.quarantined : counts.throttled);
    }
    return false;  // none is wanted: they are only looked at
  };
  services.reputation->cases(add, {}, 1);
  queue::OnShard back{shard};
  co_await back;
  co_return counts;
}

}  // namespace bulkhead::admin

// The loop as the administration sees it.

#include <algorithm>

#include "src/app/reputation_loop.h"

namespace bulkhead::app {

namespace {
constexpr int kLooksMax = 200;
}  // namespace

std::vector<reputation::Standing> ReputationLoop::list(reputation::KeyKind kind, reputation::State least,
                                                       std::size_t most,
                                                       const std::optional<reputation::Rank>& after) const {
  return reputation_.list(kind, least, most, after);
}

reputation::Standing ReputationLoop::standing(const reputation::Key& key) const {
  return reputation_.standing(key);
}

Status ReputationLoop::set_state(const admin::StateOrder& order) {
  const auto until = reputation_.now() + order.lasts;
  auto decision = reputation_.set_state(order.key, order.state, until, order.reason);
  if (!decision) return fail(decision.error());
  carry_out(*decision, {.name = order.name, .tenant = order.tenant, .client = {}}, order.by);
  publish();
  hurry();
  return {};
}

Status ReputationLoop::exempt(const admin::StateOrder& order) {
  return reputation_.exempt(order.key, reputation_.now() + order.lasts, order.reason, order.by);
}

std::vector<cases::Case> ReputationLoop::cases(const std::function<bool(const cases::Case&)>& wanted,
                                               const cases::CaseId& before, std::size_t most) const {
  return cases_.list(wanted, before, most);
}

std::optional<cases::Case> ReputationLoop::find_case(const cases::CaseId& id) const {
  const auto* found = cases_.find(id);
  return found == nullptr ? std::nullopt : std::optional{*found};
}

Status ReputationLoop::close_case(const cases::CaseId& id, const std::string& by) {
  const auto* found = cases_.find(id);
  if (found == nullptr) return fail(ErrorCode::kNotFound, "no such case");
  if (!found->is_open()) {
    return fail(ErrorCode::kConflict, "the case is " + std::string{to_string(found->status)} + " already");
  }
  tell(cases_.change(id, [&](cases::Case& one) {
    one.status = cases::Case::Status::kClosed;
    one.closed_at = parts_.clock.now();
    one.add_step({parts_.clock.now(), by, "closed; the state goes on until it ends"});
  }));
  open_cases_ = cases_.open();
  hurry();
  return {};
}

void ReputationLoop::note(const cases::CaseId& id, const std::string& by, std::string what) {
  if (cases_.find(id) == nullptr) return;
  tell(cases_.change(id, [&](cases::Case& one) { one.add_step({parts_.clock.now(), by, std::move(what)}); }));
  hurry();
}

admin::PolicySettings ReputationLoop::settings(const admin::PolicyScope& scope) const {
  return policies_.settings(scope);
}

reputation::Policy ReputationLoop::policy(const admin::PolicyScope& scope) const {
  return policies_.policy(scope, *parts_.directory.snapshot());
}

Status ReputationLoop::set_policy(const admin::PolicyScope& scope, admin::PolicySettings settings) {
  if (auto set = policies_.set(scope, std::move(settings)); !set) return set;
  const auto name = ReputationPolicies::name_of(scope);
  if (std::ranges::find(changed_settings_, name) == changed_settings_.end()) changed_settings_.push_back(name);
  reputation_.replace(policies_.book(*parts_.directory.snapshot()));
  hurry();
  return {};
}

std::vector<replies::UnknownReply> ReputationLoop::unknown_replies() const {
  return unknown_.list();
}

std::vector<admin::RuleCount> ReputationLoop::rule_counts() const {
  std::vector<admin::RuleCount> out;
  for (const auto& [rule, counts] : tally_.counts()) out.push_back({rule, counts.decided, counts.shadowed});
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    return std::pair{b.decided + b.shadowed, a.rule} < std::pair{a.decided + a.shadowed, b.rule};
  });
  return out;
}

// Whoever is told that an order was carried out must find it so after a crash.
Task<Status> ReputationLoop::settle() {
  auto saving = save();
  auto saved = co_await std::move(saving);
  if (!saved) co_return saved;
  // An order that cannot be given now is given later; it is waited for while that is short.
  for (int looks = 0; looks < kLooksMax && !holds_.is_settled() && group_ != nullptr; ++looks) {
    auto enforcing = holds_.enforce();
    co_await std::move(enforcing);
    if (holds_.is_settled()) break;
    auto sleeping = shard_.sleep(kSettleLook, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  for (int looks = 0; looks < kLooksMax && publisher_.has_waiting() && group_ != nullptr; ++looks) {
    auto sleeping = shard_.sleep(kSettleLook, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  co_return saved;
}

}  // namespace bulkhead::app

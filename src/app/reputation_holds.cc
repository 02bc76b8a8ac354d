#include "src/app/reputation_holds.h"

#include <algorithm>

namespace bulkhead::app {

namespace {
constexpr std::string_view kBy = "reputation ";
}

void ReputationHolds::want(const AccountId& account, Wanted wanted) {
  wanted_[account] = std::move(wanted);
  is_dirty_ = true;
}

void ReputationHolds::unwant(const AccountId& account) {
  if (wanted_.erase(account) > 0) is_dirty_ = true;
}

// What an earlier life has ordered; once. Orders that no state asks for any more are ended.
Task<bool> ReputationHolds::look_up() {
  auto listing = queue_->directives(shard_);
  const auto in_force = co_await std::move(listing);
  for (const auto& view : in_force) {
    const auto& directive = view.directive;
    if (!directive.by.starts_with(kBy) || directive.action != queue::DirectiveAction::kHold) continue;
    const auto& account = directive.selector.account_id;
    const bool is_wanted = account && wanted_.contains(*account) && !given_.contains(*account);
    if (is_wanted) {
      given_[*account] = directive.id;
    } else {
      surplus_.push_back(directive.id);
    }
  }
  has_looked_ = true;
  co_return true;
}

bool ReputationHolds::is_held_by_others(const Wanted& wanted, const std::vector<queue::DirectiveView>& in_force) const {
  return std::ranges::any_of(in_force, [&wanted](const queue::DirectiveView& view) {
    const auto& directive = view.directive;
    return directive.action == queue::DirectiveAction::kHold && directive.and_future &&
           directive.selector.account_id == wanted.account && !directive.by.starts_with(kBy);
  });
}

// A person's hold of the account would be replaced by ours and end with it: it is left to do the work.
Task<bool> ReputationHolds::give(Wanted wanted) {
  auto listing = queue_->directives(shard_);
  const auto in_force = co_await std::move(listing);
  if (is_held_by_others(wanted, in_force)) {
    given_[wanted.account] = queue::DirectiveId{};
    co_return true;
  }
  queue::DirectiveOrder order;
  order.selector.tenant = wanted.tenant;
  order.selector.account = wanted.address;
  order.selector.account_id = wanted.account;
  order.and_future = true;
  order.by = std::string{kBy} + wanted.case_id.text();
  auto ordering = queue_->direct(shard_, std::move(order));
  const auto answer = co_await std::move(ordering);
  if (!answer) {
    log_.warning("the mail of {} is not yet held by an order: {}", wanted.address, answer.error().message);
    co_return false;
  }
  given_[wanted.account] = answer->id;
  co_return true;
}

Task<bool> ReputationHolds::end(queue::DirectiveId id) {
  if (id.is_nil()) co_return true;
  queue::DirectiveOrder order;
  order.ends = id;
  order.by = "reputation";
  auto ordering = queue_->direct(shard_, std::move(order));
  const auto answer = co_await std::move(ordering);
  const bool is_over = answer || answer.error().code == ErrorCode::kNotFound;  // a person was faster
  if (!is_over) log_.warning("the order {} has not ended yet: {}", id.text(), answer.error().message);
  co_return is_over;
}

Task<void> ReputationHolds::enforce() {
  if (is_busy_ || !is_dirty_ || queue_ == nullptr) co_return;
  is_busy_ = true;
  if (!has_looked_) {
    auto looking = look_up();
    co_await std::move(looking);
  }
  std::vector<Wanted> missing;
  for (const auto& [account, wanted] : wanted_) {
    if (!given_.contains(account)) missing.push_back(wanted);
  }
  for (auto& wanted : missing) {
    auto giving = give(std::move(wanted));
    (void)co_await std::move(giving);
  }
  std::vector<std::pair<AccountId, queue::DirectiveId>> over;
  for (const auto& [account, id] : given_) {
    if (!wanted_.contains(account)) over.emplace_back(account, id);
  }
  for (const auto& id : surplus_) over.emplace_back(AccountId{}, id);
  for (const auto& [account, id] : over) {
    auto ending = end(id);
    const bool is_over = co_await std::move(ending);
    if (!is_over) continue;
    if (account.is_nil()) {
      std::erase(surplus_, id);
    } else {
      given_.erase(account);
    }
  }
  // What has changed meanwhile, or could not be done, is seen in the comparison.
  const auto is_given = [this](const auto& wanted) { return given_.contains(wanted.first); };
  is_dirty_ = given_.size() != wanted_.size() || !surplus_.empty() || !std::ranges::all_of(wanted_, is_given);
  is_busy_ = false;
}

}  // namespace bulkhead::app

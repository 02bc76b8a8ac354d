#include "src/app/reputation_holds.h"

#include <algorithm>
#include <optional>

#include "monitoring/cases/case_order.h"
#include "src/queue/any_account.h"

namespace bulkhead::app {

namespace {

using reputation::Key;
using reputation::KeyKind;

// Whom one of our orders holds.
std::optional<Key> key_of(const queue::Selector& selector) {
  if (selector.account_id) return Key::account(*selector.account_id);
  if (selector.tenant && selector.account == queue::kAnyAccount) return Key::tenant(*selector.tenant);
  return std::nullopt;
}

queue::Selector selector_of(const Key& key, const ReputationHolds::Wanted& wanted) {
  queue::Selector selector;
  if (!wanted.tenant.is_nil()) selector.tenant = wanted.tenant;
  if (key.kind == KeyKind::kAccount) {
    if (selector.tenant) selector.account = wanted.name;  // without the tenant nobody knew the name either
    selector.account_id = key.account_id();
  } else {
    selector.account = queue::kAnyAccount;
  }
  return selector;
}

bool is_ours(const queue::Directive& directive) {
  return directive.by.starts_with(cases::kOrderedBy);
}

bool is_held_by_others(const queue::Selector& selector, const std::vector<queue::DirectiveView>& in_force) {
  return std::ranges::any_of(in_force, [&selector](const queue::DirectiveView& view) {
    return !is_ours(view.directive) && ReputationHolds::holds_all(view.directive, selector);
  });
}

}  // namespace

bool ReputationHolds::holds_all(const queue::Directive& directive, const queue::Selector& ours) {
  if (directive.action != queue::DirectiveAction::kHold || !directive.and_future) return false;
  queue::Selector theirs = directive.selector;
  // Texts are compared: one account may be named by its id or any of its names, and is one of any.
  const bool is_same_account = ours.account_id && theirs.account_id == ours.account_id;
  if (is_same_account || theirs.account == queue::kAnyAccount) {
    theirs.account = ours.account;
    theirs.account_id = ours.account_id;
  }
  return queue::covers(theirs, ours);
}

bool ReputationHolds::has_order(const Key& key) {
  return key.kind == KeyKind::kAccount || key.kind == KeyKind::kTenant;
}

void ReputationHolds::want(const Key& key, Wanted wanted) {
  wanted_[key] = std::move(wanted);
  is_dirty_ = true;
}

void ReputationHolds::unwant(const Key& key) {
  if (wanted_.erase(key) > 0) is_dirty_ = true;
}

// What an earlier life has ordered; once. Orders that no state asks for any more are ended.
Task<bool> ReputationHolds::look_up() {
  auto listing = queue_->directives(shard_);
  const auto in_force = co_await std::move(listing);
  for (const auto& view : in_force) {
    const auto& directive = view.directive;
    if (!is_ours(directive) || directive.action != queue::DirectiveAction::kHold) continue;
    const auto key = key_of(directive.selector);
    const bool is_wanted = key && wanted_.contains(*key) && !given_.contains(*key);
    if (is_wanted) {
      given_[*key] = directive.id;
    } else {
      surplus_.push_back(directive.id);
    }
  }
  has_looked_ = true;
  co_return true;
}

// A person's hold of the same would be replaced by ours and end with it: it is left to do the work.
Task<bool> ReputationHolds::give(Key key, Wanted wanted) {
  queue::DirectiveOrder order;
  order.selector = selector_of(key, wanted);
  auto listing = queue_->directives(shard_);
  const auto in_force = co_await std::move(listing);
  if (is_held_by_others(order.selector, in_force)) {
    given_[key] = queue::DirectiveId{};
    co_return true;
  }
  order.and_future = true;
  order.by = std::string{cases::kOrderedBy} + wanted.case_id.text();
  auto ordering = queue_->direct(shard_, std::move(order));
  const auto answer = co_await std::move(ordering);
  if (!answer) {
    log_.warning("the mail of {} is not yet held by an order: {}", wanted.name, answer.error().message);
    co_return false;
  }
  given_[key] = answer->id;
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
  std::vector<std::pair<Key, Wanted>> missing;
  for (const auto& [key, wanted] : wanted_) {
    if (!given_.contains(key)) missing.emplace_back(key, wanted);
  }
  for (auto& [key, wanted] : missing) {
    auto giving = give(key, std::move(wanted));
    (void)co_await std::move(giving);
  }
  std::vector<std::pair<std::optional<Key>, queue::DirectiveId>> over;
  for (const auto& [key, id] : given_) {
    if (!wanted_.contains(key)) over.emplace_back(key, id);
  }
  for (const auto& id : surplus_) over.emplace_back(std::nullopt, id);
  for (const auto& [key, id] : over) {
    auto ending = end(id);
    const bool is_over = co_await std::move(ending);
    if (!is_over) continue;
    if (!key) {
      std::erase(surplus_, id);
    } else {
      given_.erase(*key);
    }
  }
  // What has changed meanwhile, or could not be done, is seen in the comparison.
  const auto is_given = [this](const auto& wanted) { return given_.contains(wanted.first); };
  is_dirty_ = given_.size() != wanted_.size() || !surplus_.empty() || !std::ranges::all_of(wanted_, is_given);
  is_busy_ = false;
}

}  // namespace bulkhead::app

#include "src/app/housekeeping.h"

#include <chrono>

#include "src/app/process_memory.h"
#include "src/mailbox/removal.h"

namespace bulkhead::app {

namespace {

constexpr std::chrono::milliseconds kInterval{2000};
constexpr int kMemoryRounds = 15;        // in which memory is given back once
constexpr std::size_t kFreedMax = 1000;  // messages of removed accounts in one round

}  // namespace

Status Housekeeping::free_removed() {
  const auto exists = [this](const AccountId& account) -> Result<bool> {
    const auto found = parts_.directory.account_by_id(account);
    if (!found) return fail(found.error());
    return found->has_value();
  };
  const auto freed = mailbox::free_removed(parts_.store, exists, parts_.clock.now(), kFreedMax);
  return freed ? Status{} : fail(freed.error());
}

// When new mail is refused for want of space, and when that is over.
void Housekeeping::tell_of_space(bool& was_taking) {
  const auto taking = parts_.store.accepts_new();
  const bool is_full = !taking && taking.error().code == ErrorCode::kFull;
  if (is_full == !was_taking) return;
  was_taking = !is_full;
  if (is_full) {
    parts_.log.error("new mail is refused: {}", taking.error().message);
  } else {
    parts_.log.info("there is room on the disk again: new mail is taken");
  }
}

Task<void> Housekeeping::run(net::TaskGroup& group) {
  std::string last_trouble;
  bool was_taking = true;
  for (int number = 1;; ++number) {
    auto sleeping = parts_.shard.sleep(kInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
    auto round = [this, number]() -> Status {
      if (number % kMemoryRounds == 0) give_back_memory();
      // All, whatever the other's trouble: a trace that cannot settle must not fill the disk with dead bodies.
      auto settled = parts_.trace.settle();
      auto freed = free_removed();
      auto reclaimed = parts_.store.reclaim();
      if (!settled) return settled;
      return freed ? reclaimed : freed;
    };
    const Result<Status> done = co_await parts_.pool.run(parts_.shard, std::move(round));
    const Status status = done ? *done : Status{fail(done.error())};
    tell_of_space(was_taking);
    // The same trouble each round is said once.
    const std::string trouble = status ? "" : status.error().message;
    if (trouble != last_trouble && !trouble.empty()) parts_.log.warning("housekeeping: {}", trouble);
    last_trouble = trouble;
  }
}

}  // namespace bulkhead::app

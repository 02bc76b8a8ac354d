#include "src/app/housekeeping.h"

#include <chrono>

namespace bulkhead::app {

namespace {

constexpr std::chrono::milliseconds kInterval{2000};

}  // namespace

Task<void> Housekeeping::run(net::TaskGroup& group) {
  std::string last_trouble;
  for (;;) {
    auto sleeping = parts_.shard.sleep(kInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
    auto round = [this]() -> Status {
      // Both, whatever the other's trouble: a trace that cannot settle must not fill the disk with dead bodies.
      auto settled = parts_.trace.settle();
      auto reclaimed = parts_.store.reclaim();
      return settled ? reclaimed : settled;
    };
    const Result<Status> done = co_await parts_.pool.run(parts_.shard, std::move(round));
    const Status status = done ? *done : Status{fail(done.error())};
    // The same trouble each round is said once.
    const std::string trouble = status ? "" : status.error().message;
    if (trouble != last_trouble && !trouble.empty()) parts_.log.warning("housekeeping: {}", trouble);
    last_trouble = trouble;
  }
}

}  // namespace bulkhead::app

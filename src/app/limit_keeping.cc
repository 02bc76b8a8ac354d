#include "src/app/limit_keeping.h"

#include <chrono>

namespace bulkhead::app {

namespace {
constexpr std::chrono::milliseconds kInterval{1000};
}

Task<void> keep_limits(net::Shard& shard, net::TaskGroup& group, netpolicy::BucketStorage& storage) {
  for (;;) {
    auto sleeping = shard.sleep(kInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
    storage.save();
  }
}

}  // namespace bulkhead::app

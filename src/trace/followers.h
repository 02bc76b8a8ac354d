// Those who watch events as they happen. Publishing to nobody costs one relaxed load.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "src/trace/query.h"

namespace bulkhead::trace {

// Thread-safe. Subscriptions may outlive it.
class Followers {
 public:
  // `on_event` runs on the publisher's thread, for one event at a time; it must be quick and may end the
  // subscription. When the subscription has died on another thread, no call is under way any more.
  std::shared_ptr<void> add(Query query, std::function<void(const Event&)> on_event);
  void publish(const Event& event);
  bool has_any() const { return count_->load(std::memory_order_relaxed) > 0; }

 private:
  struct Follower;
  std::shared_ptr<std::atomic<std::size_t>> count_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::mutex mutex_;
  std::vector<std::weak_ptr<Follower>> followers_;
};

}  // namespace bulkhead::trace

// What the shards' parts of the queue share. Everything here may be used from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "src/queue/attributes.h"
#include "src/queue/directive_set.h"
#include "src/queue/queue.h"
#include "src/queue/timeline.h"

namespace bulkhead::queue {

class ShardPart;

// The messages accepted while the stored queue is still being read: the reader must not plan them a second time.
class AcceptedWhileLoading {
 public:
  void note(const MessageId& id);  // before the commit, so that the reader cannot see it first
  bool contains(const MessageId& id) const;
  void end();  // loading is over: nothing is noted any more

 private:
  std::atomic<bool> is_over_{false};
  mutable std::mutex mutex_;
  std::unordered_set<MessageId> ids_;
};

struct Core {
  explicit Core(Queue::Parts queue_parts);
  ~Core();

  ShardPart& home_of(const LaneKey& lane);
  ShardPart& owner_of(const MessageId& id);
  // The directives in force, for who shows them.
  DirectiveSetPtr present_directives() const;
  void set_present_directives(DirectiveSetPtr directives);
  // The schedule in force. Any thread.
  std::shared_ptr<const RetryPolicy> retry() const { return retry_.load(std::memory_order_acquire); }
  void set_retry(RetryPolicy policy) { retry_.store(std::make_shared<const RetryPolicy>(std::move(policy))); }
  // After the commit that holds it.
  void publish(const trace::Event& event);

  Queue::Parts parts;
  Timeline timeline;
  const AttributeHash hash;
  std::atomic<std::uint32_t> epoch{0};  // the number of the last directive in force; see directive.h
  AcceptedWhileLoading accepted;
  std::atomic<std::uint64_t> sources_generation{0};  // grows with each change of sources
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> deliveries_max{0};  // see Queue::change_deliveries_max
  std::atomic<std::uint64_t> filing{0};          // recipients of messages that are accepted and not counted yet
  std::atomic<bool> is_loaded{false};
  std::atomic<bool> is_stopping{false};
  std::vector<std::unique_ptr<ShardPart>> shards;

 private:
  std::atomic<std::shared_ptr<const RetryPolicy>> retry_;
  mutable std::mutex directives_mutex_;
  DirectiveSetPtr directives_;
};

}  // namespace bulkhead::queue

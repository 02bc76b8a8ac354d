#include "src/queue/core.h"

#include "src/queue/lane.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {

Core::Core(Queue::Parts queue_parts) : parts(std::move(queue_parts)), timeline(parts.clock), hash(parts.random) {
  set_retry(parts.retry);
}
Core::~Core() = default;

void AcceptedWhileLoading::note(const MessageId& id) {
  if (is_over_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock{mutex_};
  ids_.insert(id);
}

bool AcceptedWhileLoading::contains(const MessageId& id) const {
  const std::lock_guard lock{mutex_};
  return ids_.contains(id);
}

void AcceptedWhileLoading::end() {
  is_over_.store(true, std::memory_order_release);
  const std::lock_guard lock{mutex_};
  ids_ = {};
}

ShardPart& Core::home_of(const LaneKey& lane) {
  return *shards[LaneKeyHash{}(lane) % shards.size()];
}

ShardPart& Core::owner_of(const MessageId& id) {
  return *shards[std::hash<MessageId>{}(id) % shards.size()];
}

DirectiveSetPtr Core::present_directives() const {
  const std::lock_guard lock{directives_mutex_};
  return directives_;
}

void Core::set_present_directives(DirectiveSetPtr directives) {
  const std::lock_guard lock{directives_mutex_};
  directives_ = std::move(directives);
}

void Core::publish(const trace::Event& event) {
  parts.trace.publish(event);
  if (parts.on_event) parts.on_event(event);
}

}  // namespace bulkhead::queue

// The messages of one shard whose record is in memory: recently accepted or active. Bounded by bytes; the one that
// was used the longest ago goes first. What is not here is read from the store when its turn comes. Not thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include "src/queue/message.h"

namespace bulkhead::queue {

class HotMessages {
 public:
  explicit HotMessages(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void put(const MessagePtr& message);
  MessagePtr get(const MessageId& id);         // null when not here; now the most recently used
  MessagePtr peek(const MessageId& id) const;  // as get, without the use
  void remove(const MessageId& id);
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return by_id_.size(); }

 private:
  using Order = std::list<MessagePtr>;  // most recently used first
  void drop(Order::iterator at);

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Order order_;
  std::unordered_map<MessageId, Order::iterator> by_id_;
};

}  // namespace bulkhead::queue

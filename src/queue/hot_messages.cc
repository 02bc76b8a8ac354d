#include "src/queue/hot_messages.h"

namespace bulkhead::queue {
namespace {

// What a message takes in memory, closely enough for a bound.
std::size_t footprint(const Message& message) {
  return sizeof(Message) + 128 + message.subject.size() + message.message_id.size() +
         message.recipients.size() * (sizeof(QueuedRecipient) + 32);
}

}  // namespace

void HotMessages::put(const MessagePtr& message) {
  remove(message->id);
  order_.push_front(message);
  by_id_.emplace(message->id, order_.begin());
  bytes_ += footprint(*message);
  while (bytes_ > bytes_max_ && order_.size() > 1) drop(std::prev(order_.end()));
}

MessagePtr HotMessages::get(const MessageId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return *found->second;
}

MessagePtr HotMessages::peek(const MessageId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : *found->second;
}

void HotMessages::remove(const MessageId& id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) drop(found->second);
}

void HotMessages::drop(Order::iterator at) {
  bytes_ -= footprint(**at);
  by_id_.erase((*at)->id);
  order_.erase(at);
}

}  // namespace bulkhead::queue

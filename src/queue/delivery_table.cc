#include "src/queue/delivery_table.h"

#include "src/base/check.h"

namespace bulkhead::queue {
namespace {

std::uint64_t hash_of(const DeliveryKey& key) {
  return std::hash<MessageId>{}(key.message) + key.index * std::uint64_t{0x9E3779B97F4A7C15};
}

}  // namespace

Slot DeliveryTable::allocate() {
  if (free_ == kNoSlot) {
    const Slot first = end();
    chunks_.push_back(std::make_unique<DeliveryEntry[]>(kChunk));
    for (Slot slot = first + kChunk; slot-- > first;) {
      (*this)[slot].next = free_;
      free_ = slot;
    }
  }
  const Slot slot = free_;
  free_ = (*this)[slot].next;
  (*this)[slot] = DeliveryEntry{};
  ++size_;
  return slot;
}

void DeliveryTable::release(Slot slot) {
  DeliveryEntry& entry = (*this)[slot];
  BULKHEAD_CHECK(entry.heap_at == kNoSlot);
  index_.erase(slot, hash_of(entry.key()), [this](Slot other) { return hash_of((*this)[other].key()); });
  entry = DeliveryEntry{};
  entry.next = free_;
  free_ = slot;
  --size_;
}

void DeliveryTable::enroll(Slot slot) {
  index_.insert(slot, hash_of((*this)[slot].key()), [this](Slot other) { return hash_of((*this)[other].key()); });
}

Slot DeliveryTable::find(const DeliveryKey& key) const {
  return index_.find(hash_of(key), [&](Slot slot) { return (*this)[slot].key() == key; });
}

std::size_t DeliveryTable::memory_bytes() const {
  return chunks_.size() * kChunk * sizeof(DeliveryEntry) + heap_.capacity() * sizeof(Slot) + index_.memory_bytes();
}

void DeliveryTable::set_timer(Slot slot, UtcTime at) {
  DeliveryEntry& entry = (*this)[slot];
  entry.timer = at;
  if (at != kNever) {
    if (entry.heap_at == kNoSlot) {
      heap_.push_back(slot);
      entry.heap_at = static_cast<std::uint32_t>(heap_.size() - 1);
    }
    sift_up(entry.heap_at);
    sift_down(entry.heap_at);
    return;
  }
  if (entry.heap_at == kNoSlot) return;
  const std::size_t hole = entry.heap_at;
  entry.heap_at = kNoSlot;
  const Slot last = heap_.back();
  heap_.pop_back();
  if (last == slot) return;
  place(last, hole);
  sift_up(hole);
  sift_down((*this)[last].heap_at);
}

void DeliveryTable::place(Slot slot, std::size_t at) {
  heap_[at] = slot;
  (*this)[slot].heap_at = static_cast<std::uint32_t>(at);
}

void DeliveryTable::sift_up(std::size_t at) {
  const Slot slot = heap_[at];
  while (at > 0) {
    const std::size_t parent = (at - 1) / 2;
    if (!is_before(slot, heap_[parent])) break;
    place(heap_[parent], at);
    at = parent;
  }
  place(slot, at);
}

void DeliveryTable::sift_down(std::size_t at) {
  const Slot slot = heap_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && is_before(heap_[child + 1], heap_[child])) ++child;
    if (!is_before(heap_[child], slot)) break;
    place(heap_[child], at);
    at = child;
  }
  place(slot, at);
}

}  // namespace bulkhead::queue

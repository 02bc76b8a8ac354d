#include "src/net/deadline_wheel.h"

#include <algorithm>

namespace bulkhead::net {

void DeadlineWheel::Entry::unlink() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

DeadlineWheel::Head::Head() {
  previous_ = next_ = this;
}

DeadlineWheel::Head::~Head() {
  // What is still linked outlives the wheel: it must not touch the list again.
  while (next_ != this) next_->unlink();
}

DeadlineWheel::DeadlineWheel(SteadyTime start) : start_(start) {}

void DeadlineWheel::link(Entry& head, Entry& entry) {
  entry.previous_ = head.previous_;
  entry.next_ = &head;
  head.previous_->next_ = &entry;
  head.previous_ = &entry;
}

void DeadlineWheel::insert(Entry& entry, SteadyTime deadline) {
  entry.unlink();
  const auto tick = std::chrono::ceil<std::chrono::milliseconds>(deadline - start_).count() / kTick.count() + 1;
  entry.due_ = std::max<std::int64_t>(tick, current_ + 1);
  link(slot_of(entry.due_), entry);
}

void DeadlineWheel::advance(SteadyTime now) {
  const std::int64_t target = std::chrono::floor<std::chrono::milliseconds>(now - start_).count() / kTick.count();
  const std::int64_t first = std::max(current_ + 1, target - kSlots + 1);
  for (std::int64_t tick = first; tick <= target; ++tick) {
    // Set first, so that what expired() inserts lands in a tick that is still to come.
    current_ = tick;
    expire_slot(slot_of(tick), target);
  }
}

void DeadlineWheel::expire_slot(Entry& head, std::int64_t now) {
  Head due;
  for (Entry* entry = head.next_; entry != &head;) {
    Entry* const next = entry->next_;
    if (entry->due_ <= now) {
      entry->unlink();
      link(due, *entry);
    }
    entry = next;
  }
  while (due.next_ != &due) {
    Entry& entry = *due.next_;
    entry.unlink();
    entry.expired();
  }
}

bool DeadlineWheel::is_empty() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Head& head) { return head.next_ == &head; });
}

}  // namespace bulkhead::net

// Deadlines of pending socket operations, cheap to set and to clear: a hashed wheel of coarse ticks.
//
// A read with a timeout costs two list operations and no system call. The price is precision: a deadline is noticed
// up to one tick late, never early. Not thread-safe: one a shard.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "src/base/clock.h"

namespace bulkhead::net {

class DeadlineWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{100};

  // What waits with a deadline. Unlinks itself when it dies.
  class Entry {
   public:
    Entry() = default;
    virtual ~Entry() { unlink(); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    void unlink();
    bool is_linked() const { return next_ != nullptr; }

   private:
    friend class DeadlineWheel;
    virtual void expired() = 0;  // already unlinked; may link and unlink any entry
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    std::int64_t due_ = 0;  // tick number
  };

  explicit DeadlineWheel(SteadyTime start);
  void insert(Entry& entry, SteadyTime deadline);
  // Calls expired() of every entry whose deadline is not after `now`.
  void advance(SteadyTime now);
  bool is_empty() const;

 private:
  // Beyond one turn (51 s) an entry stays in its slot and is looked at once a turn.
  static constexpr std::int64_t kSlots = 512;
  struct Head final : Entry {
    Head();
    ~Head() override;
    void expired() override {}
  };
  static void link(Entry& head, Entry& entry);
  Entry& slot_of(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick % kSlots)]; }
  void expire_slot(Entry& head, std::int64_t now);

  SteadyTime start_;
  std::int64_t current_ = 0;  // the last tick that was looked at
  std::array<Head, kSlots> slots_;
};

}  // namespace bulkhead::net

// The deliveries of one shard in memory: fixed-size entries in chunks, addressed by slot, with a heap of their timers
// and an index by their keys.
//
// About 105 bytes per delivery with its places in both, whatever the message holds. Not thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "src/queue/attributes.h"
#include "src/queue/job.h"

namespace bulkhead::queue {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = std::numeric_limits<Slot>::max();
inline constexpr UtcTime kNever = UtcTime::max();

struct Strand;

enum class DeliveryState : std::uint8_t {
  kFree,
  kReady,
  kActive,
  kScheduled,
  kParked,  // held by a directive: in no line, without a timer
  kDoomed,  // to be purged or bounced: not in the queue any more for who asks, its record still is
};

struct DeliveryEntry {
  MessageId message;
  Strand* strand = nullptr;
  UtcTime due;                   // the next attempt; not after now while ready
  UtcTime timer = kNever;        // when the heap wakes it
  std::uint32_t expires_at = 0;  // seconds since the epoch: expiry needs no finer grain
  std::uint32_t warn_at = 0;     // 0: no warning (any more)
  Slot previous = kNoSlot;       // in the strand's list of ready ones
  Slot next = kNoSlot;           // there, or in the list of free or doomed ones
  // Parked, doomed: the number of the directive that says so. Active: of the newest one that has judged it, or of the
  // one whose work it is.
  std::uint32_t directive = 0;
  std::uint32_t epoch = 0;  // of its message
  AttributeRef account = kNoAttribute;
  AttributeRef sender = kNoAttribute;
  AttributeRef client_ip = kNoAttribute;
  AttributeRef domain = kNoAttribute;
  std::uint32_t heap_at = kNoSlot;
  std::uint16_t index = 0;
  std::uint16_t attempts = 0;
  DeliveryState state = DeliveryState::kFree;
  bool is_sole = false;           // the only delivery of its message: no ledger entry exists
  bool has_record = false;        // a 'd' record exists
  bool is_overdue : 1 = false;    // stands in the line for expiry or warning
  bool is_postponed : 1 = false;  // it could not be read: nothing is done for it before it is due
  bool is_worked_on : 1 = false;  // active: a directive that has doomed it ends it now

  DeliveryKey key() const { return {message, index}; }
};

class DeliveryTable {
 public:
  Slot allocate();
  void release(Slot slot);  // its timer must be cleared
  // Makes the slot known by the key that its entry has.
  void enroll(Slot slot);
  // kNoSlot when no delivery has the key.
  Slot find(const DeliveryKey& key) const;
  DeliveryEntry& operator[](Slot slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  const DeliveryEntry& operator[](Slot slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
  std::size_t size() const { return size_; }
  Slot end() const { return static_cast<Slot>(chunks_.size() * kChunk); }  // past the last slot; some are free
  std::size_t memory_bytes() const;

  // Sets, moves or clears (kNever) the timer of a slot.
  void set_timer(Slot slot, UtcTime at);
  // The slot whose timer is the earliest, or kNoSlot.
  Slot earliest() const { return heap_.empty() ? kNoSlot : heap_.front(); }

 private:
  static constexpr std::size_t kChunk = 512;
  bool is_before(Slot a, Slot b) const { return (*this)[a].timer < (*this)[b].timer; }
  void place(Slot slot, std::size_t at);
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);

  std::vector<std::unique_ptr<DeliveryEntry[]>> chunks_;
  std::vector<Slot> heap_;
  SlotIndex index_;
  Slot free_ = kNoSlot;
  std::size_t size_ = 0;
};

}  // namespace bulkhead::queue

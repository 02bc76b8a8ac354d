// Finds slots of a table by a hash of what they hold: open addressing with linear probing, four bytes a cell.
//
// The owner knows what a slot holds: it passes a comparison to find, and the hash of any slot to insert and erase.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace bulkhead::queue {

class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // The slot with this hash for which `is_same(slot)`; kNone when there is none.
  template <class IsSame>
  std::uint32_t find(std::uint64_t hash, IsSame&& is_same) const {
    if (cells_.empty()) return kNone;
    for (std::size_t at = hash & mask(); cells_[at] != kNone; at = (at + 1) & mask()) {
      if (is_same(cells_[at])) return cells_[at];
    }
    return kNone;
  }

  // The slot must not be there yet.
  template <class HashOf>
  void insert(std::uint32_t slot, std::uint64_t hash, HashOf&& hash_of) {
    if ((size_ + 1) * 4 > cells_.size() * 3) grow(hash_of);
    put(slot, hash);
    ++size_;
  }

  // The slot must be there. Those behind it move up, so that no cell is a tombstone.
  template <class HashOf>
  void erase(std::uint32_t slot, std::uint64_t hash, HashOf&& hash_of) {
    std::size_t hole = hash & mask();
    while (cells_[hole] != slot) hole = (hole + 1) & mask();
    for (std::size_t at = (hole + 1) & mask(); cells_[at] != kNone; at = (at + 1) & mask()) {
      const std::size_t home = hash_of(cells_[at]) & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;  // it may not move before its home
      cells_[hole] = cells_[at];
      hole = at;
    }
    cells_[hole] = kNone;
    --size_;
  }

  std::size_t memory_bytes() const { return cells_.capacity() * sizeof(std::uint32_t); }

 private:
  std::size_t mask() const { return cells_.size() - 1; }
  void put(std::uint32_t slot, std::uint64_t hash) {
    std::size_t at = hash & mask();
    while (cells_[at] != kNone) at = (at + 1) & mask();
    cells_[at] = slot;
  }
  template <class HashOf>
  void grow(HashOf&& hash_of) {
    std::vector<std::uint32_t> old(cells_.empty() ? 16 : cells_.size() * 2, kNone);
    std::swap(old, cells_);
    for (const std::uint32_t slot : old) {
      if (slot != kNone) put(slot, hash_of(slot));
    }
  }

  std::vector<std::uint32_t> cells_;  // a power of two of them
  std::size_t size_ = 0;
};

}  // namespace bulkhead::queue

#include "tenants/address_cache.h"

#include <algorithm>

namespace bulkhead::tenants {

namespace {
// Enough that shards seldom meet at the same lock; a small cache has fewer, so that its bound is kept.
constexpr std::size_t kPartsMost = 16;
}  // namespace

AddressCache::AddressCache(std::size_t entries_max)
    : parts_(std::clamp<std::size_t>(entries_max / 64, 1, kPartsMost)),
      entries_max_per_part_(std::max<std::size_t>(entries_max / parts_.size(), 1)) {}

AddressMeaningPtr AddressCache::get(const std::string& key) {
  auto& part = part_of(key);
  const std::lock_guard lock{part.mutex};
  const auto found = part.index.find(key);
  if (found == part.index.end() || found->second->generation != generation()) return nullptr;
  part.entries.splice(part.entries.begin(), part.entries, found->second);
  return found->second->meaning;
}

void AddressCache::put(const std::string& key, AddressMeaningPtr meaning, std::uint64_t mark) {
  auto& part = part_of(key);
  const std::lock_guard lock{part.mutex};
  // In this order: with the mark still the old one, forget_all() has not begun, and the entry is of the generation
  // that it ends; forget() comes to this part only after us.
  const auto generation = this->generation();
  if (mark != this->mark()) return;
  if (const auto found = part.index.find(key); found != part.index.end()) {
    found->second->meaning = std::move(meaning);
    found->second->generation = generation;
    part.entries.splice(part.entries.begin(), part.entries, found->second);
    return;
  }
  if (part.entries.size() >= entries_max_per_part_) {
    part.index.erase(part.entries.back().key);
    part.entries.pop_back();
  }
  part.entries.push_front(Entry{key, std::move(meaning), generation});
  part.index.emplace(part.entries.front().key, part.entries.begin());
}

void AddressCache::forget_all() {
  mark_.fetch_add(1, std::memory_order_acq_rel);
  generation_.fetch_add(1, std::memory_order_acq_rel);
}

void AddressCache::forget(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  mark_.fetch_add(1, std::memory_order_acq_rel);
  for (const auto& key : keys) {
    auto& part = part_of(key);
    const std::lock_guard lock{part.mutex};
    const auto found = part.index.find(key);
    if (found == part.index.end()) continue;
    const auto entry = found->second;
    part.index.erase(found);
    part.entries.erase(entry);
  }
}

std::size_t AddressCache::size() const {
  std::size_t size = 0;
  for (const auto& part : parts_) {
    const std::lock_guard lock{part.mutex};
    size += part.entries.size();
  }
  return size;
}

}  // namespace bulkhead::tenants

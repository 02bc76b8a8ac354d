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

void AddressCache::put(const std::string& key, AddressMeaningPtr meaning, std::uint64_t generation) {
  auto& part = part_of(key);
  const std::lock_guard lock{part.mutex};
  if (generation != this->generation()) return;
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

std::size_t AddressCache::size() const {
  std::size_t size = 0;
  for (const auto& part : parts_) {
    const std::lock_guard lock{part.mutex};
    size += part.entries.size();
  }
  return size;
}

}  // namespace bulkhead::tenants

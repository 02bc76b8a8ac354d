#include "src/mailbox/folder_cache.h"

#include <atomic>
#include <iterator>

namespace bulkhead::mailbox {

namespace {

constexpr int kLooksMax = 32;  // for entries to forget, with each insert

}  // namespace

FolderCounters* FolderCache::find(const AccountId& account) {
  const auto found = index_.find(account);
  if (found == index_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

// Those that are pinned are in use: they count as used just now, so that they are not looked at again and again.
void FolderCache::make_room() {
  for (int looked_at = 0; order_.size() >= capacity_ && looked_at < kLooksMax; ++looked_at) {
    const auto last = std::prev(order_.end());
    if (last->pin.use_count() > 1) {
      order_.splice(order_.begin(), order_, last);
      continue;
    }
    // What the last batch did before it went is seen by who loads the account again.
    std::atomic_thread_fence(std::memory_order_acquire);
    index_.erase(last->account);
    order_.erase(last);
  }
}

FolderCounters& FolderCache::insert(FolderCounters counters) {
  make_room();
  counters.pin = std::make_shared<char>();
  order_.push_front(std::move(counters));
  index_[order_.front().account] = order_.begin();
  return order_.front();
}

}  // namespace bulkhead::mailbox

#include "src/mailbox/folder_cache.h"

namespace bulkhead::mailbox {

FolderCounters* FolderCache::find(const AccountId& account) {
  const auto found = index_.find(account);
  if (found == index_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

FolderCounters& FolderCache::insert(FolderCounters counters) {
  if (order_.size() >= capacity_) {
    index_.erase(order_.back().account);
    order_.pop_back();
  }
  order_.push_front(std::move(counters));
  index_[order_.front().account] = order_.begin();
  return order_.front();
}

}  // namespace bulkhead::mailbox

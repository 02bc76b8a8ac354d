#include "src/store/recent_bodies.h"

#include <utility>
#include <vector>

namespace bulkhead::store {

void RecentBodies::keep(const BlobRef& blob, std::string record) {
  if (record.capacity() > bytes_max_) return;
  auto shared = std::make_shared<const std::string>(std::move(record));
  std::vector<std::shared_ptr<const std::string>> gone;  // freed after the lock
  const std::lock_guard lock{mutex_};
  bytes_ += shared->capacity();
  records_.emplace_hint(records_.end(), place_of(blob), std::move(shared));
  while (bytes_ > bytes_max_) {
    bytes_ -= records_.begin()->second->capacity();
    gone.push_back(std::move(records_.begin()->second));
    records_.erase(records_.begin());
  }
}

void RecentBodies::forget(const BlobRef& blob) {
  std::shared_ptr<const std::string> gone;  // freed after the lock
  const std::lock_guard lock{mutex_};
  const auto found = records_.find(place_of(blob));
  if (found == records_.end()) return;
  bytes_ -= found->second->capacity();
  gone = std::move(found->second);
  records_.erase(found);
}

std::shared_ptr<const std::string> RecentBodies::find(const BlobRef& blob) const {
  const std::lock_guard lock{mutex_};
  const auto found = records_.find(place_of(blob));
  return found == records_.end() ? nullptr : found->second;
}

}  // namespace bulkhead::store

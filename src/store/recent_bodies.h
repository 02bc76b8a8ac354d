// The bodies that were just committed, still in memory: most mail leaves again at once, and need not be read back.
//
// Bounded in bytes; the oldest go first, and a body goes as soon as nobody holds it any more. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "src/store/blob_ref.h"

namespace bulkhead::store {

class RecentBodies {
 public:
  explicit RecentBodies(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // `record`: header, body and padding, as they are in the segment.
  void keep(const BlobRef& blob, std::string record);
  void forget(const BlobRef& blob);
  // Null when it is not there.
  std::shared_ptr<const std::string> find(const BlobRef& blob) const;

 private:
  // Places ascend as bodies are appended, so that the first is the oldest.
  using Place = std::pair<std::uint32_t, std::uint64_t>;
  static Place place_of(const BlobRef& blob) { return {blob.segment, blob.offset}; }

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<Place, std::shared_ptr<const std::string>> records_;
  std::size_t bytes_ = 0;
};

}  // namespace bulkhead::store

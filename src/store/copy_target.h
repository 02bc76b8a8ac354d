// Where compaction writes: the segment of copies that is being filled, and the next ones.
//
// A copy is the record as it was, which goes on naming the place where the body was first written. That is the body's
// name, and what a reader checks it by.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/store/blob_ref.h"
#include "src/store/segment_files.h"

namespace bulkhead::store {

// Serves one relocation. One thread.
class CopyTarget {
 public:
  // `room`: bytes that will be appended in all.
  CopyTarget(SegmentFiles& files, std::uint64_t segment_size, std::uint64_t room)
      : files_(files), segment_size_(segment_size), room_(room) {}

  // Goes on in a segment that earlier relocations filled up to `at`.
  Status resume(const BlobPlace& at);
  // Gives the record a place; nothing may refer to it before sync().
  Result<BlobPlace> append(std::string_view record);
  Status flush();
  // An error leaves it open what of all copies the disk holds.
  Status sync();

  std::map<std::uint32_t, std::uint64_t> tails() const;
  std::uint32_t number() const { return segments_.empty() ? 0 : segments_.back().number; }
  // Nothing refers to the copies: the segments that were begun for them are free again.
  void discard();

 private:
  struct Segment {
    std::uint32_t number = 0;
    std::shared_ptr<File> file;
    std::uint64_t tail = 0;  // behind what is buffered, too, of the last one
    bool is_new = false;
    bool is_dirty = false;
  };
  Status begin_next();

  SegmentFiles& files_;
  const std::uint64_t segment_size_;
  std::uint64_t room_;
  std::vector<Segment> segments_;
  std::string buffer_;
};

}  // namespace bulkhead::store

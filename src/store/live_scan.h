// Finds the bodies that live in a segment of the blob log: the records in it, less those whose death is on the books.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "src/store/blob_log.h"
#include "src/store/file_system.h"
#include "src/store/kv.h"
#include "src/store/relocation.h"

namespace bulkhead::store {

// Works in slices, so that a round of background work is short. One thread. Deaths that come after begin() may be
// missed: BlobLog::watch, called before it, has them.
class LiveScan {
 public:
  static constexpr std::size_t kBodiesMax = 20'000;  // so that one commit can move all of them

  struct Source {
    BlobLog::Sparse segment;
    std::shared_ptr<File> file;
  };
  static Result<LiveScan> begin(const Kv& kv, Source source);

  // Reads on, for about `budget` bytes, which are taken from it. True at the end. kCorrupt: a record cannot be read, or
  // more lives than the books of the segment say; kLimit: more than kBodiesMax live.
  Result<bool> go_on(std::uint64_t& budget);
  // With no place to go to yet, in the order of the segment.
  std::vector<Relocation::Copy> take() { return std::move(found_); }

 private:
  LiveScan(const Kv& kv, Source source) : kv_(kv), source_(std::move(source)) {}
  Status visit_one();
  Result<bool> lives(const BlobPlace& name) const;

  const Kv& kv_;
  Source source_;
  std::vector<std::uint64_t> dead_;  // ascending
  std::vector<Relocation::Copy> found_;
  std::uint64_t at_ = 0;
  std::int64_t live_ = 0;
};

}  // namespace bulkhead::store

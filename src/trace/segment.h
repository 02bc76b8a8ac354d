// One file of the trace: blocks in the order in which they were settled, and what finds events in them.
//
// One thread at a time appends; any thread reads. While it is open its keys are in memory; closed, in its index file.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/store/file_system.h"
#include "src/trace/query.h"
#include "src/trace/segment_index.h"
#include "src/trace/segment_scan.h"

namespace bulkhead::trace {

class Segment {
 public:
  // Makes the file (an unfinished one of the same number is replaced); nothing is synced before the first append.
  static Result<std::unique_ptr<Segment>> create(store::FileSystem& files, std::string directory,
                                                 const SegmentHeader& header);
  // A closed one, with its index when there is a good one; otherwise the index is made at the first search.
  static Result<std::unique_ptr<Segment>> open_closed(store::FileSystem& files, std::string directory,
                                                      std::uint32_t number);
  // The one that is written, up to `end`; what follows was never acknowledged and is written over.
  static Result<std::unique_ptr<Segment>> open_current(store::FileSystem& files, std::string directory,
                                                       std::uint32_t number, std::uint64_t end);

  // Writes, syncs, then shows it to readers.
  Status append(const BlockBuilder::Sealed& block, std::vector<std::uint64_t> keys);
  // Takes the last block back, because the commit that names it failed.
  void drop_last();
  // Ends the file after the last block and writes its index.
  Status close();

  // Blocks that may hold events that match, in no particular order. `keys` are those of the query.
  Result<std::vector<BlockPlace>> candidates(const Query& query, const std::vector<std::uint64_t>& keys) const;
  // kCorrupt when the block fails its hash.
  Result<std::vector<NumberedEvent>> read(const BlockPlace& place) const;

  std::uint32_t number() const { return header_.segment; }
  const SegmentHeader& header() const { return header_; }
  std::uint64_t end() const;
  std::uint64_t size_bytes() const;  // with its index
  std::size_t block_count() const;
  std::optional<UtcTime> newest() const;  // nothing when it has no blocks
  std::size_t damaged_places() const { return damaged_; }

 private:
  Segment(store::FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}
  static Result<std::unique_ptr<Segment>> open_file(store::FileSystem& files, std::string directory,
                                                    std::uint32_t number);
  Status scan_to(std::uint64_t end);
  Status ensure_entries() const;
  Status move_to_index() const;
  Result<std::vector<std::uint32_t>> find(std::uint64_t key) const;

  store::FileSystem& files_;
  const std::string directory_;
  SegmentHeader header_;
  std::unique_ptr<store::File> file_;
  bool is_closed_ = false;
  std::size_t damaged_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t end_ = SegmentHeader::kSize;
  std::vector<BlockPlace> blocks_;
  mutable bool has_entries_ = false;            // whether entries_ knows every block
  mutable std::vector<std::uint64_t> entries_;  // key | block number; unsorted while it is written
  mutable std::unique_ptr<SegmentIndex> index_;
};

}  // namespace bulkhead::trace

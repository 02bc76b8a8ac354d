// Which blocks of a closed segment hold a key: a sorted array of words (40 bits of hash, 24 bits of block number) in
// pages of 4 KiB, the first word of each page kept in memory. A lookup reads one page, rarely two.
//
//   header | block table | first words | SHA-256 of these | page | page | …      (a page ends with its checksum)
//
// Derived from the segment: when it is lost or damaged it is made again.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/store/file_system.h"
#include "src/trace/segment_scan.h"

namespace bulkhead::trace {

// Immutable, thread-safe.
class SegmentIndex {
 public:
  static constexpr std::uint32_t kBlocksMax = 1U << 24;

  // `entries` sorted and without duplicates; `end` is the size of the segment's file.
  static Status write(store::FileSystem& files, const std::string& path, std::uint64_t end,
                      const std::vector<BlockPlace>& blocks, std::span<const std::uint64_t> entries);
  // kNotFound, or kCorrupt when it is damaged or belongs to a file of another size.
  static Result<std::unique_ptr<SegmentIndex>> open(store::FileSystem& files, const std::string& path,
                                                    std::uint64_t end);

  const std::vector<BlockPlace>& blocks() const { return blocks_; }
  // Numbers of the blocks that hold `key`, ascending. kCorrupt when a page fails its checksum.
  Result<std::vector<std::uint32_t>> find(std::uint64_t key) const;
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  SegmentIndex() = default;
  Result<std::vector<std::uint64_t>> read_page(std::size_t page) const;

  std::unique_ptr<store::File> file_;
  std::vector<BlockPlace> blocks_;
  std::vector<std::uint64_t> first_words_;
  std::uint64_t pages_at_ = 0;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace bulkhead::trace

// Finds the blocks in a segment's file without trusting it: what is damaged is stepped over and reported.
//
// A segment's file: header 64 | block | block | …
#pragma once

#include <string>
#include <vector>

#include "src/store/file_system.h"
#include "src/trace/block.h"

namespace bulkhead::trace {

struct SegmentHeader {
  std::uint32_t segment = 0;
  UtcTime created;
  Hash previous{};  // of the last block of the segment before

  static constexpr std::size_t kSize = 64;
  std::string encode() const;
  static Result<SegmentHeader> decode(std::string_view bytes);
  // What the first block names as the hash before it; so the header is part of the chain.
  Hash hash() const { return sha256(encode()); }
};

struct BlockPlace {
  std::uint64_t offset = 0;
  BlockHeader header;
};

struct SegmentScan {
  std::vector<BlockPlace> blocks;
  std::vector<std::uint64_t> damaged;  // offsets where a block should begin and none does
};
// Of the bytes between the file's header and `end`. Reads headers only, unless something is damaged.
Result<SegmentScan> scan_segment(const store::File& file, std::uint32_t segment, std::uint64_t end);

struct BlockBytes {
  std::string bytes;  // of the whole block
  std::string_view packed() const;
  std::string_view hashed() const;
  Hash hash() const;
  Signature signature() const;
};
Result<BlockBytes> read_block(const store::File& file, const BlockPlace& place);

std::string segment_path(const std::string& directory, std::uint32_t segment);  // DIRECTORY/00000001.seg
std::string index_path(const std::string& directory, std::uint32_t segment);    // DIRECTORY/00000001.idx

}  // namespace bulkhead::trace

// The blob log's own rows in Family::kBlob: their keys and values.
//
//   "s" segment          kind, tail (where the next record goes), live bytes: one row a segment that is in use
//   "d" segment offset   bodies of a shared segment that died in one group, the first of them in the key
//   "m" segment offset   the place of a body whose own segment was compacted away: segment, offset
//   "h" segment offset   how many holders a shared body still has
//   "n"                  segment numbers below this may have been given out
//
// "m" and "h" go by the body's name, "d" by places. What is dead in a segment of copies has no "d": a copy lives as
// long as the "m" row of its name points to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/store/blob_ref.h"
#include "src/store/kv.h"
#include "src/store/segment_files.h"

namespace bulkhead::store {

struct SegmentRow {
  SegmentKind kind = SegmentKind::kShared;
  bool has_copies = false;  // a shared one that only compaction writes to
  std::uint64_t tail = 0;
  std::int64_t live = 0;
};

inline constexpr std::string_view kNumbersKey = "n";
std::string number_value(std::uint32_t number);
std::string count_value(std::int64_t count);

std::string segment_key(std::uint32_t number);
std::string segment_value(const SegmentRow& row);
// Nothing when the row is malformed.
std::optional<std::uint32_t> decode_segment_key(std::string_view key);
std::optional<SegmentRow> decode_segment_value(std::string_view value);

std::string holder_key(const BlobPlace& name);

std::string move_key(const BlobPlace& name);
std::string move_value(const BlobPlace& place);
// Where compaction put the body of this name; nothing when it was never moved, or nobody holds it any more.
Result<std::optional<BlobPlace>> find_moved(const Kv& kv, const BlobPlace& name);

// Of one group, in one segment; not empty.
std::string deaths_key(std::uint32_t segment, const std::vector<std::uint64_t>& offsets);
std::string deaths_value(const std::vector<std::uint64_t>& offsets);
void remove_deaths(Batch& batch, std::uint32_t segment);
// The offsets of all bodies of the segment that died, ascending.
Result<std::vector<std::uint64_t>> find_deaths(const Kv& kv, std::uint32_t segment);

}  // namespace bulkhead::store

#include "src/trace/segment_scan.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/trace/file_bytes.h"
#include "src/trace/wire.h"

namespace bulkhead::trace {

namespace {

constexpr std::string_view kSegmentMagic = "BHTRACE1";
constexpr std::size_t kSearchChunk = 256U << 10;

// Where the next block of `segment` seems to begin, or `end`.
Result<std::uint64_t> find_block(const store::File& file, std::uint32_t segment, std::uint64_t from,
                                 std::uint64_t end) {
  std::string pattern;
  append_fixed(pattern, BlockHeader::kMagic);
  append_fixed(pattern, segment);
  while (from + pattern.size() <= end) {
    const auto chunk = read_exactly(file, from, std::min<std::uint64_t>(kSearchChunk, end - from));
    if (!chunk) return fail(chunk.error());
    const auto found = chunk->find(pattern);
    if (found != std::string::npos) return from + found;
    from += chunk->size() - pattern.size() + 1;
  }
  return end;
}

}  // namespace

std::string segment_path(const std::string& directory, std::uint32_t segment) {
  return fmt::format("{}/{:08}.seg", directory, segment);
}

std::string index_path(const std::string& directory, std::uint32_t segment) {
  return fmt::format("{}/{:08}.idx", directory, segment);
}

std::string SegmentHeader::encode() const {
  std::string out{kSegmentMagic};
  append_fixed(out, segment);
  append_fixed(out, static_cast<std::uint64_t>(created.time_since_epoch().count()));
  out.append(view(previous));
  out.resize(kSize);
  return out;
}

Result<SegmentHeader> SegmentHeader::decode(std::string_view bytes) {
  WireReader reader{bytes};
  if (reader.bytes(kSegmentMagic.size()) != kSegmentMagic) return fail(ErrorCode::kCorrupt, "it is no trace segment");
  SegmentHeader header;
  header.segment = reader.fixed<std::uint32_t>();
  header.created = UtcTime{std::chrono::microseconds{static_cast<std::int64_t>(reader.fixed<std::uint64_t>())}};
  const auto previous = reader.bytes(header.previous.size());
  if (reader.is_bad()) return fail(ErrorCode::kCorrupt, "the segment's header is cut short");
  std::copy(previous.begin(), previous.end(), header.previous.begin());
  // The padding, too, so that the hash of the header is that of its bytes.
  if (header.encode() != bytes) return fail(ErrorCode::kCorrupt, "the segment's header is damaged");
  return header;
}

Result<SegmentScan> scan_segment(const store::File& file, std::uint32_t segment, std::uint64_t end) {
  SegmentScan scan;
  std::uint64_t offset = SegmentHeader::kSize;
  while (offset < end) {
    const bool has_room = end - offset >= BlockHeader::kSize + kTrailerSize;
    auto bytes = has_room ? read_exactly(file, offset, BlockHeader::kSize) : Result<std::string>{std::string{}};
    if (!bytes) return fail(bytes.error());
    const auto header = BlockHeader::decode(*bytes);
    if (header && header->segment == segment && header->block_size() <= end - offset) {
      scan.blocks.push_back({offset, *header});
      offset += header->block_size();
      continue;
    }
    scan.damaged.push_back(offset);
    const auto next = find_block(file, segment, offset + 1, end);
    if (!next) return fail(next.error());
    offset = *next;
  }
  return scan;
}

std::string_view BlockBytes::hashed() const {
  return std::string_view{bytes}.substr(0, bytes.size() - kTrailerSize);
}
std::string_view BlockBytes::packed() const {
  return hashed().substr(BlockHeader::kSize);
}

Hash BlockBytes::hash() const {
  Hash hash;
  std::copy_n(bytes.end() - static_cast<std::ptrdiff_t>(kTrailerSize), hash.size(), hash.begin());
  return hash;
}

Signature BlockBytes::signature() const {
  Signature signature;
  std::copy_n(bytes.end() - static_cast<std::ptrdiff_t>(signature.size()), signature.size(), signature.begin());
  return signature;
}

Result<BlockBytes> read_block(const store::File& file, const BlockPlace& place) {
  auto bytes = read_exactly(file, place.offset, place.header.block_size());
  if (!bytes) return fail(bytes.error());
  return BlockBytes{std::move(*bytes)};
}

}  // namespace bulkhead::trace

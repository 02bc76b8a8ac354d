#include "src/store/blob_rows.h"

#include <algorithm>

#include "src/store/encoding.h"
#include "src/store/record.h"

namespace bulkhead::store {

namespace {

enum class Kind : char { kShared = 0, kOwn = 1, kCopies = 2 };

std::string place_key(char kind, const BlobPlace& place) {
  std::string key(1, kind);
  append_be<std::uint32_t>(key, place.segment);
  append_be<std::uint64_t>(key, place.offset);
  return key;
}

std::string segment_prefix(char kind, std::uint32_t number) {
  std::string key(1, kind);
  append_be<std::uint32_t>(key, number);
  return key;
}

Kind kind_of(const SegmentRow& row) {
  if (row.kind == SegmentKind::kOwn) return Kind::kOwn;
  return row.has_copies ? Kind::kCopies : Kind::kShared;
}

}  // namespace

std::string number_value(std::uint32_t number) {
  std::string value;
  append_le<std::uint32_t>(value, number);
  return value;
}

std::string count_value(std::int64_t count) {
  std::string value;
  append_le<std::uint64_t>(value, static_cast<std::uint64_t>(count));
  return value;
}

std::string segment_key(std::uint32_t number) {
  return segment_prefix('s', number);
}

std::string segment_value(const SegmentRow& row) {
  std::string value(1, static_cast<char>(kind_of(row)));
  append_le<std::uint64_t>(value, row.tail);
  append_le<std::uint64_t>(value, static_cast<std::uint64_t>(row.live));
  return value;
}

std::optional<std::uint32_t> decode_segment_key(std::string_view key) {
  if (key.size() != 5 || key[0] != 's') return std::nullopt;
  return load_be<std::uint32_t>(key.data() + 1);
}

std::optional<SegmentRow> decode_segment_value(std::string_view value) {
  if (value.size() != 17) return std::nullopt;
  const auto kind = static_cast<Kind>(value[0]);
  SegmentRow row;
  row.kind = kind == Kind::kOwn ? SegmentKind::kOwn : SegmentKind::kShared;
  row.has_copies = kind == Kind::kCopies;
  row.tail = load_le<std::uint64_t>(value.data() + 1);
  row.live = static_cast<std::int64_t>(load_le<std::uint64_t>(value.data() + 9));
  return row;
}

std::string holder_key(const BlobPlace& name) {
  return place_key('h', name);
}

std::string move_key(const BlobPlace& name) {
  return place_key('m', name);
}

std::string move_value(const BlobPlace& place) {
  std::string value;
  append_le<std::uint32_t>(value, place.segment);
  append_le<std::uint64_t>(value, place.offset);
  return value;
}

Result<std::optional<BlobPlace>> find_moved(const Kv& kv, const BlobPlace& name) {
  const auto value = kv.get(Family::kBlob, move_key(name));
  if (!value) return fail(value.error());
  if (!*value || (*value)->size() != 12) return std::optional<BlobPlace>{};
  return std::optional{
      BlobPlace{load_le<std::uint32_t>((*value)->data()), load_le<std::uint64_t>((*value)->data() + 4)}};
}

std::string deaths_key(std::uint32_t segment, const std::vector<std::uint64_t>& offsets) {
  return place_key('d', {segment, offsets.front()});
}

// Offsets are multiples of the alignment, below 4 GiB.
std::string deaths_value(const std::vector<std::uint64_t>& offsets) {
  std::string value;
  value.reserve((offsets.size() - 1) * sizeof(std::uint32_t));
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    append_le<std::uint32_t>(value, static_cast<std::uint32_t>(offsets[i] / kRecordAlignment));
  }
  return value;
}

void remove_deaths(Batch& batch, std::uint32_t segment) {
  batch.remove_range(Family::kBlob, segment_prefix('d', segment), segment_prefix('d', segment + 1));
}

Result<std::vector<std::uint64_t>> find_deaths(const Kv& kv, std::uint32_t segment) {
  std::vector<std::uint64_t> offsets;
  const auto visit = [&](std::string_view key, std::string_view value) {
    if (key.size() != 13) return true;
    offsets.push_back(load_be<std::uint64_t>(key.data() + 5));
    for (; value.size() >= sizeof(std::uint32_t); value.remove_prefix(sizeof(std::uint32_t))) {
      offsets.push_back(load_le<std::uint32_t>(value.data()) * kRecordAlignment);
    }
    return true;
  };
  const auto read = kv.scan(Family::kBlob, segment_prefix('d', segment), segment_prefix('d', segment + 1),
                            Kv::Direction::kForward, visit);
  if (!read) return fail(read.error());
  std::sort(offsets.begin(), offsets.end());
  return offsets;
}

}  // namespace bulkhead::store

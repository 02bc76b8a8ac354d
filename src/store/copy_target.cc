#include "src/store/copy_target.h"

#include <algorithm>

namespace bulkhead::store {

namespace {
constexpr std::size_t kFlushAt = 1 << 20;
}

Status CopyTarget::resume(const BlobPlace& at) {
  auto file = files_.open(at.segment);
  if (!file) return fail(file.error());
  const auto reserved = (*file)->preallocate(std::min(segment_size_, at.offset + room_));
  if (!reserved) return reserved;
  segments_.push_back({at.segment, std::move(*file), at.offset});
  return {};
}

Status CopyTarget::begin_next() {
  if (const auto flushed = flush(); !flushed) return flushed;
  auto begun = files_.create_shared(std::min(segment_size_, room_));
  if (!begun) return fail(begun.error());
  segments_.push_back({begun->number, std::move(begun->file), 0, true});
  return {};
}

Result<BlobPlace> CopyTarget::append(std::string_view record) {
  if (segments_.empty() || segments_.back().tail + record.size() > segment_size_) {
    if (const auto begun = begin_next(); !begun) return fail(begun.error());
  }
  Segment& segment = segments_.back();
  const BlobPlace place{segment.number, segment.tail};
  buffer_ += record;
  segment.tail += record.size();
  room_ -= std::min<std::uint64_t>(room_, record.size());
  if (buffer_.size() < kFlushAt) return place;
  if (const auto flushed = flush(); !flushed) return fail(flushed.error());
  return place;
}

Status CopyTarget::flush() {
  if (buffer_.empty()) return {};
  Segment& segment = segments_.back();
  const auto written = segment.file->write_at(segment.tail - buffer_.size(), buffer_);
  if (!written) return written;
  segment.is_dirty = true;
  buffer_.clear();
  return {};
}

Status CopyTarget::sync() {
  for (Segment& segment : segments_) {
    if (!segment.is_dirty) continue;
    if (const auto synced = segment.file->sync_data(); !synced) return synced;
    segment.is_dirty = false;
  }
  return {};
}

std::map<std::uint32_t, std::uint64_t> CopyTarget::tails() const {
  std::map<std::uint32_t, std::uint64_t> tails;
  for (const Segment& segment : segments_) tails.emplace(segment.number, segment.tail);
  return tails;
}

void CopyTarget::discard() {
  for (Segment& segment : segments_) {
    segment.file.reset();
    if (segment.is_new) files_.retire(segment.number);
  }
  segments_.clear();
  buffer_.clear();
}

}  // namespace bulkhead::store

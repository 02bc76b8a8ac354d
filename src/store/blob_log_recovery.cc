// What a start makes of the blob log's rows and files.
#include <algorithm>

#include "src/store/blob_log.h"
#include "src/store/encoding.h"

namespace bulkhead::store {

Status BlobLog::recover() {
  std::map<std::uint32_t, SegmentKind> known;
  std::uint32_t next = 1;
  auto status = load_rows(known, next);
  if (status) status = segments_.load(known, next);
  // Bodies that a crash caught on their way in have files but no row; they go now.
  if (status) status = segments_.reclaim();
  if (status) resume_target();
  if (status) status = resume_active();
  return status;
}

Status BlobLog::load_rows(std::map<std::uint32_t, SegmentKind>& known, std::uint32_t& next) {
  const auto numbers = parts_.kv.get(Family::kBlob, kNumbersKey);
  if (!numbers) return fail(numbers.error());
  if (*numbers && (*numbers)->size() == 4) next = load_le<std::uint32_t>((*numbers)->data());
  return parts_.kv.scan(Family::kBlob, "s", "t", Kv::Direction::kForward,
                        [&](std::string_view key, std::string_view value) {
                          const auto number = decode_segment_key(key);
                          const auto row = decode_segment_value(value);
                          if (!number || !row) {
                            parts_.log.warning("store: a segment's row is malformed and ignored");
                            return true;
                          }
                          next = std::max(next, *number + 1);
                          // The row of a segment that died while it was active goes with the next group's rows.
                          if (row->live <= 0) {
                            deltas_[*number] = 0;
                          } else {
                            known[*number] = row->kind;
                            live_bytes_ += static_cast<std::uint64_t>(row->live);
                            if (row->kind == SegmentKind::kOwn) own_bytes_ += row->tail;
                          }
                          table_[*number] = *row;
                          note_live(*number, *row);
                          return true;
                        });
}

void BlobLog::resume_target() {
  for (auto it = table_.rbegin(); it != table_.rend() && target_ == 0; ++it) {
    const auto& [number, segment] = *it;
    if (segment.has_copies && segment.live > 0 && segments_.open(number)) target_ = number;
  }
}

Status BlobLog::resume_active() {
  for (auto it = table_.rbegin(); it != table_.rend(); ++it) {
    const auto& [number, segment] = *it;
    if (segment.kind != SegmentKind::kShared || segment.has_copies || segment.live <= 0) continue;
    if (segment.tail >= place_.segment_size) return {};
    auto file = segments_.open(number);
    if (!file) return {};  // missing: load() has said so
    const auto size = (*file)->size();
    if (!size) return fail(size.error());
    active_ = {number, std::move(*file), segment.tail, *size};
    listed_active_ = number;
    check_active();
    return {};
  }
  return {};
}

// The tail in the kv is exact, because bodies are synced before the rows that name them. A record before it that does
// not check out means a disk that lost what it had confirmed, or bit rot.
void BlobLog::check_active() {
  const auto visit = [&](const ScannedRecord& record) {
    if (record.is_body_good) return;
    parts_.log.warning("store: the body at segment {} offset {} fails its checksum; what refers to it cannot be read",
                       record.header.segment, record.header.offset);
  };
  const auto end = scan_records(*active_.file, active_.number, 0, active_.tail, visit);
  if (!end) {
    parts_.log.warning("store: segment {} cannot be checked: {}", active_.number, end.error().message);
  } else if (*end != active_.tail) {
    parts_.log.warning("store: segment {} has no record at offset {}, though it was written up to {}", active_.number,
                       *end, active_.tail);
  }
}

}  // namespace bulkhead::store

#include "src/store/blob_log.h"

#include <algorithm>

#include "src/store/encoding.h"
#include "src/store/padded_append.h"

namespace bulkhead::store {

namespace {

constexpr std::uint32_t kReserveStep = 4096;
const std::string kNumbersKey = "n";

std::string segment_key(std::uint32_t number) {
  std::string key = "s";
  append_be<std::uint32_t>(key, number);
  return key;
}

std::string holder_key(const BlobRef& blob) {
  std::string key = "h";
  append_be<std::uint32_t>(key, blob.segment);
  append_be<std::uint64_t>(key, blob.offset);
  return key;
}

std::string number_value(std::uint32_t number) {
  std::string value;
  append_le<std::uint32_t>(value, number);
  return value;
}

}  // namespace

BlobLog::BlobLog(SegmentFiles::Place place, Parts parts)
    : place_(std::move(place)), parts_(parts), segments_(place_, parts.files, parts.log) {}

Result<std::unique_ptr<BlobLog>> BlobLog::open(SegmentFiles::Place place, Parts parts) {
  std::unique_ptr<BlobLog> log{new BlobLog(std::move(place), parts)};
  const auto recovered = log->recover();
  if (!recovered) return fail(recovered.error());
  return log;
}

Status BlobLog::recover() {
  std::map<std::uint32_t, SegmentKind> known;
  std::uint32_t next = 1;
  auto status = load_rows(known, next);
  if (status) status = segments_.load(known, next);
  // Bodies that a crash caught on their way in have files but no row; they go now.
  if (status) status = segments_.reclaim();
  if (status) status = resume_active();
  return status;
}

Status BlobLog::load_rows(std::map<std::uint32_t, SegmentKind>& known, std::uint32_t& next) {
  const auto numbers = parts_.kv.get(Family::kBlob, kNumbersKey);
  if (!numbers) return fail(numbers.error());
  if (*numbers && (*numbers)->size() == 4) next = load_le<std::uint32_t>((*numbers)->data());
  return parts_.kv.scan(Family::kBlob, "s", "t", Kv::Direction::kForward,
                        [&](std::string_view key, std::string_view value) {
                          if (key.size() != 5 || value.size() != 17) {
                            parts_.log.warning("store: a segment's row is malformed and ignored");
                            return true;
                          }
                          const auto number = load_be<std::uint32_t>(key.data() + 1);
                          Segment segment;
                          segment.kind = value[0] == 0 ? SegmentKind::kShared : SegmentKind::kOwn;
                          segment.tail = load_le<std::uint64_t>(value.data() + 1);
                          segment.live = static_cast<std::int64_t>(load_le<std::uint64_t>(value.data() + 9));
                          next = std::max(next, number + 1);
                          // The row of a segment that died while it was active goes with the next group's rows.
                          if (segment.live <= 0) {
                            deltas_[number] = 0;
                          } else {
                            known[number] = segment.kind;
                            live_bytes_ += static_cast<std::uint64_t>(segment.live);
                            if (segment.kind == SegmentKind::kOwn) own_bytes_ += segment.tail;
                          }
                          table_[number] = segment;
                          return true;
                        });
}

Status BlobLog::resume_active() {
  for (auto it = table_.rbegin(); it != table_.rend(); ++it) {
    const auto& [number, segment] = *it;
    if (segment.kind != SegmentKind::kShared || segment.live <= 0) continue;
    if (segment.tail >= place_.segment_size) return {};
    auto file = segments_.open(number);
    if (!file) return {};  // missing: load() has said so
    const auto size = (*file)->size();
    if (!size) return fail(size.error());
    active_ = {number, std::move(*file), segment.tail, *size};
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

Result<BlobRef> BlobLog::place(LogBlobWriter& writer, std::uint32_t holders) {
  if (!is_group_open_) {
    active_before_ = active_;
    is_group_open_ = true;
  }
  BlobRef ref;
  ref.length = writer.size();
  ref.is_shared = holders > 1;
  if (writer.has_own_segment()) {
    const auto finished = writer.finish_own();
    if (!finished) return fail(finished.error());
    ref.segment = writer.own_segment().number;
    own_.push_back(&writer);
    return ref;
  }
  const std::uint64_t size = record_size(writer.size());
  const auto room = make_room(size);
  if (!room) return fail(room.error());
  if (appends_.empty() || appends_.back().at.number != active_.number) appends_.push_back({active_, 0, {}});
  ref.segment = active_.number;
  ref.offset = active_.tail;
  appends_.back().pieces.push_back(writer.record_at(active_.number, active_.tail));
  appends_.back().size += size;
  active_.tail += size;
  deltas_.try_emplace(active_.number, 0);
  return ref;
}

Status BlobLog::make_room(std::uint64_t size) {
  if (active_.number != 0 && active_.tail + size <= place_.segment_size) return {};
  auto opened = segments_.create_shared();
  if (!opened) return fail(opened.error());
  const auto file_size = opened->file->size();
  if (!file_size) return fail(file_size.error());
  if (active_.number != 0) deltas_.try_emplace(active_.number, 0);  // its row goes if nothing in it is live
  opened_.push_back(opened->number);
  active_ = {opened->number, std::move(opened->file), 0, *file_size};
  return {};
}

void BlobLog::hold(const BlobRef& blob, std::uint32_t holders) {
  deltas_[blob.segment] += static_cast<std::int64_t>(record_size(blob.length));
  if (blob.is_shared) holders_[holder_key(blob)] = holders;
}

Status BlobLog::release(const BlobRef& blob) {
  if (blob.is_shared) {
    const std::string key = holder_key(blob);
    auto found = holders_.find(key);
    if (found == holders_.end()) {
      const auto stored = parts_.kv.get(Family::kBlob, key);
      if (!stored) return fail(stored.error());
      found = holders_.emplace(key, *stored ? decode_counter(**stored) : 0).first;
    }
    if (found->second <= 0) {
      parts_.log.error("store: the shared body at segment {} offset {} was released more often than it was held",
                       blob.segment, blob.offset);
      return {};
    }
    if (--found->second > 0) return {};
  }
  deltas_[blob.segment] -= static_cast<std::int64_t>(record_size(blob.length));
  return {};
}

Status BlobLog::write() {
  for (Append& append : appends_) {
    const AppendPlace place{append.at.tail, append.at.prepared, place_.segment_size};
    const auto prepared = append_padded(*append.at.file, place, append.pieces, append.size);
    if (!prepared) return fail(prepared.error());
    if (active_.number == append.at.number) active_.prepared = *prepared;
  }
  return {};
}

Status BlobLog::sync() {
  for (const Append& append : appends_) {
    const auto synced = append.at.file->sync_data();
    if (!synced) return synced;
  }
  for (const LogBlobWriter* writer : own_) {
    const auto synced = writer->own_segment().file->sync_data();
    if (!synced) return synced;
  }
  return own_.empty() ? Status{} : segments_.sync_directory();
}

std::string BlobLog::row_of(const Segment& segment) const {
  std::string value(1, segment.kind == SegmentKind::kShared ? '\0' : '\1');
  append_le<std::uint64_t>(value, segment.tail);
  append_le<std::uint64_t>(value, static_cast<std::uint64_t>(segment.live));
  return value;
}

BlobLog::Segment BlobLog::after_group(std::uint32_t number) {
  Segment segment;
  if (const auto found = table_.find(number); found != table_.end()) segment = found->second;
  for (const LogBlobWriter* writer : own_) {
    if (writer->own_segment().number == number) segment = {SegmentKind::kOwn, record_size(writer->size()), 0};
  }
  for (const Append& append : appends_) {
    if (append.at.number != number) continue;
    segment.tail = append.at.tail + append.size;
  }
  segment.live += deltas_[number];
  return segment;
}

void BlobLog::rows(Batch& batch) {
  for (const auto& [number, delta] : deltas_) {
    const Segment segment = after_group(number);
    if (segment.live <= 0 && number != active_.number) {
      batch.remove(Family::kBlob, segment_key(number));
    } else {
      batch.put(Family::kBlob, segment_key(number), row_of(segment));
    }
  }
  for (const auto& [key, count] : holders_) {
    std::string value;
    append_le<std::uint64_t>(value, static_cast<std::uint64_t>(count));
    if (count > 0) {
      batch.put(Family::kBlob, key, std::move(value));
    } else {
      batch.remove(Family::kBlob, key);
    }
  }
  const std::uint32_t next = segments_.next();
  if (next + kReserveStep / 2 >= segments_.reserved()) {
    reserve_ = next + kReserveStep;
    batch.put(Family::kBlob, kNumbersKey, number_value(reserve_));
  }
}

void BlobLog::close_row(Batch& batch) const {
  batch.put(Family::kBlob, kNumbersKey, number_value(segments_.next()));
}

void BlobLog::committed() {
  std::int64_t live_change = 0;
  for (const auto& [number, delta] : deltas_) {
    const Segment segment = after_group(number);
    live_change += delta;
    if (segment.kind == SegmentKind::kOwn) own_bytes_ += static_cast<std::uint64_t>(delta);
    if (segment.live <= 0 && number != active_.number) {
      if (segment.live < 0) parts_.log.error("store: bodies in segment {} were released twice", number);
      table_.erase(number);
      segments_.retire(number);
    } else {
      table_[number] = segment;
    }
  }
  live_bytes_ += static_cast<std::uint64_t>(live_change);
  for (LogBlobWriter* writer : own_) {
    if (table_.contains(writer->own_segment().number)) writer->adopted();
  }
  if (reserve_ != 0) segments_.set_reserved(reserve_);
  forget_group();
}

void BlobLog::rolled_back() {
  if (is_group_open_) {
    active_ = active_before_;
    for (const std::uint32_t number : opened_) segments_.retire(number);
  }
  forget_group();
}

void BlobLog::forget_group() {
  opened_.clear();
  appends_.clear();
  own_.clear();
  deltas_.clear();
  holders_.clear();
  reserve_ = 0;
  is_group_open_ = false;
  active_before_ = {};
}

}  // namespace bulkhead::store

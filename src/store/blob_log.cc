#include "src/store/blob_log.h"

#include <algorithm>

#include "src/store/encoding.h"
#include "src/store/padded_append.h"

namespace bulkhead::store {

namespace {

constexpr std::uint32_t kReserveStep = 4096;
}  // namespace

BlobLog::BlobLog(SegmentFiles::Place place, Parts parts)
    : place_(std::move(place)), parts_(parts), segments_(place_, parts.files, parts.log) {}

Result<std::unique_ptr<BlobLog>> BlobLog::open(SegmentFiles::Place place, Parts parts) {
  std::unique_ptr<BlobLog> log{new BlobLog(std::move(place), parts)};
  const auto recovered = log->recover();
  if (!recovered) return fail(recovered.error());
  return log;
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
  if (blob.is_shared) holders_[holder_key(blob.name())] = holders;
}

Status BlobLog::release(const BlobRef& blob) {
  if (blob.is_shared) {
    const std::string key = holder_key(blob.name());
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
  return bury(blob);
}

// Only a body whose own segment is gone costs a read: of the place that compaction gave it.
Status BlobLog::bury(const BlobRef& blob) {
  BlobPlace place = blob.name();
  if (!table_.contains(place.segment)) {
    const auto moved = find_moved(parts_.kv, place);
    if (!moved) return fail(moved.error());
    if (!*moved || !moves_.emplace(place, std::nullopt).second) {
      parts_.log.error("store: the body at segment {} offset {} was released, though nobody held it", place.segment,
                       place.offset);
      return {};
    }
    place = **moved;
  }
  deltas_[place.segment] -= static_cast<std::int64_t>(record_size(blob.length));
  deaths_[place.segment].push_back(place.offset);
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

SegmentRow BlobLog::after_group(std::uint32_t number) {
  SegmentRow segment;
  if (const auto found = table_.find(number); found != table_.end()) segment = found->second;
  for (const LogBlobWriter* writer : own_) {
    if (writer->own_segment().number == number) segment = {SegmentKind::kOwn, false, record_size(writer->size()), 0};
  }
  for (const Append& append : appends_) {
    if (append.at.number != number) continue;
    segment.tail = append.at.tail + append.size;
  }
  if (const auto copied = copy_tails_.find(number); copied != copy_tails_.end()) {
    segment.has_copies = true;
    segment.tail = copied->second;
  }
  segment.live += deltas_[number];
  return segment;
}

// Nothing lives in it, and nobody is about to write to it.
bool BlobLog::goes(std::uint32_t number, const SegmentRow& row) const {
  const std::uint32_t target = target_next_ != 0 ? target_next_ : target_;
  return row.live <= 0 && number != active_.number && number != target;
}

void BlobLog::segment_rows(Batch& batch) {
  for (const auto& [number, delta] : deltas_) {
    const SegmentRow segment = after_group(number);
    const bool has_deaths = segment.kind == SegmentKind::kShared && !segment.has_copies;
    if (goes(number, segment)) {
      batch.remove(Family::kBlob, segment_key(number));
      if (has_deaths) remove_deaths(batch, number);
      continue;
    }
    batch.put(Family::kBlob, segment_key(number), segment_value(segment));
    const auto dead = deaths_.find(number);
    if (has_deaths && dead != deaths_.end()) {
      batch.put(Family::kBlob, deaths_key(number, dead->second), deaths_value(dead->second));
    }
  }
}

void BlobLog::rows(Batch& batch) {
  segment_rows(batch);
  for (const auto& [name, place] : moves_) {
    if (place) {
      batch.put(Family::kBlob, move_key(name), move_value(*place));
    } else {
      batch.remove(Family::kBlob, move_key(name));
    }
  }
  for (const auto& [key, count] : holders_) {
    if (count > 0) {
      batch.put(Family::kBlob, key, count_value(count));
    } else {
      batch.remove(Family::kBlob, key);
    }
  }
  const std::uint32_t next = segments_.next();
  if (next + kReserveStep / 2 >= segments_.reserved()) {
    reserve_ = next + kReserveStep;
    batch.put(Family::kBlob, std::string{kNumbersKey}, number_value(reserve_));
  }
}

void BlobLog::close_row(Batch& batch) const {
  batch.put(Family::kBlob, std::string{kNumbersKey}, number_value(segments_.next()));
}

void BlobLog::committed() {
  std::int64_t live_change = 0;
  const std::lock_guard lock{mutex_};
  for (const auto& [number, delta] : deltas_) {
    const SegmentRow segment = after_group(number);
    live_change += delta;
    if (segment.kind == SegmentKind::kOwn) own_bytes_ += static_cast<std::uint64_t>(delta);
    if (goes(number, segment)) {
      if (segment.live < 0) parts_.log.error("store: bodies in segment {} were released twice", number);
      table_.erase(number);
      sparse_.erase(number);
      segments_.retire(number);
    } else {
      table_[number] = segment;
      note_live(number, segment);
    }
  }
  listed_active_ = active_.number;
  if (target_next_ != 0) target_ = target_next_;
  if (const auto dead = deaths_.find(watched_); dead != deaths_.end()) {
    watched_deaths_.insert(watched_deaths_.end(), dead->second.begin(), dead->second.end());
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
  deaths_.clear();
  moves_.clear();
  copy_tails_.clear();
  target_next_ = 0;
  reserve_ = 0;
  is_group_open_ = false;
  active_before_ = {};
}

}  // namespace bulkhead::store

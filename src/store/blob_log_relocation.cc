// What the blob log does for compaction.
#include <algorithm>

#include "src/store/blob_log.h"

namespace bulkhead::store {

std::vector<BlobLog::Sparse> BlobLog::sparse() const {
  std::vector<Sparse> found;
  const std::lock_guard lock{mutex_};
  for (const std::uint32_t number : sparse_) {
    if (number != listed_active_ && number != target_) found.push_back({number, table_.at(number)});
  }
  return found;
}

// Kept as segments change, since a look at all of them, large bodies' too, would keep the committer waiting.
void BlobLog::note_live(std::uint32_t number, const SegmentRow& row) {
  const auto live_max = static_cast<std::int64_t>(place_.segment_size / 2);
  if (row.kind == SegmentKind::kShared && row.live > 0 && row.live < live_max) {
    sparse_.insert(number);
  } else {
    sparse_.erase(number);
  }
}

BlobPlace BlobLog::copy_target() const {
  const std::lock_guard lock{mutex_};
  const auto found = table_.find(target_);
  return found == table_.end() ? BlobPlace{} : BlobPlace{target_, found->second.tail};
}

void BlobLog::watch(std::uint32_t segment) {
  const std::lock_guard lock{mutex_};
  watched_ = segment;
  watched_deaths_.clear();
}

// Those that committed groups have noted since watch(), and those of this group.
std::vector<std::uint64_t> BlobLog::deaths_during_copy(std::uint32_t segment) const {
  std::vector<std::uint64_t> dead;
  {
    const std::lock_guard lock{mutex_};
    if (watched_ == segment) dead = watched_deaths_;
  }
  if (const auto found = deaths_.find(segment); found != deaths_.end()) {
    dead.insert(dead.end(), found->second.begin(), found->second.end());
  }
  std::sort(dead.begin(), dead.end());
  return dead;
}

Status BlobLog::relocate(const Relocation& relocation) {
  const auto source = table_.find(relocation.source);
  const std::int64_t live = source == table_.end() ? 0 : after_group(relocation.source).live;
  if (live <= 0) return fail(ErrorCode::kNotFound, "the segment died while it was copied");

  const auto dead = deaths_during_copy(relocation.source);
  const auto is_dead = [&](std::uint64_t offset) { return std::binary_search(dead.begin(), dead.end(), offset); };
  std::int64_t copied = 0;
  for (const auto& copy : relocation.copies) copied += is_dead(copy.from) ? 0 : static_cast<std::int64_t>(copy.size);
  if (copied != live) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} bytes live in segment {}, but its living bodies have {}", live, source->first, copied));
  }
  for (const auto& copy : relocation.copies) {
    if (is_dead(copy.from)) continue;
    moves_[copy.name] = copy.to;
    deltas_[copy.to.segment] += static_cast<std::int64_t>(copy.size);
  }
  deltas_[relocation.source] -= live;
  copy_tails_.insert(relocation.tails.begin(), relocation.tails.end());
  for (const auto& [number, tail] : relocation.tails) deltas_.try_emplace(number, 0);
  // An older target in which nothing lives any more goes, now that it is none.
  if (target_ != 0 && target_ != relocation.target && table_.contains(target_)) deltas_.try_emplace(target_, 0);
  target_next_ = relocation.target;
  return {};
}

}  // namespace bulkhead::store

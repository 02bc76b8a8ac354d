#include "src/store/compactor.h"

#include <algorithm>
#include <future>

#include "src/store/crc32c.h"
#include "src/store/record.h"

namespace bulkhead::store {

namespace {
constexpr std::chrono::minutes kRest{1};  // after trouble with the disk
}

void Compactor::round() {
  const std::lock_guard lock{mutex_};
  if (has_stopped_ || !parts_.committer.health() || parts_.clock.steady() < rests_until_) return;
  std::uint64_t budget = limits_.compaction.bytes_per_round;
  while (budget > 0 && (job_ || begin())) {
    if (const auto done = go_on(budget); !done) {
      abandon(done.error());
      return;
    }
  }
}

// The one in which least lives, since it gives most for what it costs; of several the oldest.
std::optional<BlobLog::Sparse> Compactor::choose() {
  const auto sparse = parts_.blobs.sparse();
  const SteadyTime now = parts_.clock.steady();
  std::map<std::uint32_t, SteadyTime> since;
  std::map<std::uint32_t, std::int64_t> aside;
  std::optional<BlobLog::Sparse> best;
  for (const auto& segment : sparse) {
    const auto seen = sparse_since_.find(segment.number);
    const SteadyTime first = seen == sparse_since_.end() ? now : seen->second;
    since.emplace(segment.number, first);
    if (const auto found = set_aside_.find(segment.number); found != set_aside_.end()) {
      aside.insert(*found);
      if (segment.row.live >= found->second) continue;
    }
    if (now - first < limits_.compaction.after) continue;
    if (!best || segment.row.live < best->row.live) best = segment;
  }
  sparse_since_ = std::move(since);
  set_aside_ = std::move(aside);
  return best;
}

// New mail must not be refused for what compaction takes for a while. Where it is refused already, this is how room
// comes about, and only what deletions need is left alone.
bool Compactor::has_room(const BlobLog::Sparse& source) const {
  const auto free = parts_.files.free_space(limits_.directory);
  if (!free) return false;
  const std::uint64_t least = *free < limits_.free_space_min ? limits_.free_space_min / 4 : limits_.free_space_min;
  const auto live = static_cast<std::uint64_t>(source.row.live);
  const auto [target, tail] = parts_.blobs.copy_target();
  const bool needs_file = target == 0 || tail + live > limits_.segment_size;
  const std::uint64_t need = needs_file && parts_.blobs.segments().has_spare() ? 0 : live;
  return *free >= least + need;
}

bool Compactor::begin() {
  const auto source = choose();
  if (!source || !has_room(*source)) return false;
  const auto started = start_job(*source);
  if (started) return true;
  job_.reset();
  parts_.blobs.watch(0);
  // A file that is missing stays so: its segment would be chosen again for ever.
  const ErrorCode code = started.error().code;
  const bool is_lost = code == ErrorCode::kNotFound || code == ErrorCode::kCorrupt;
  if (!is_lost) rests_until_ = parts_.clock.steady() + kRest;
  set_aside(*source, is_lost ? Error{ErrorCode::kCorrupt, started.error().message, {}} : started.error());
  return false;
}

Status Compactor::start_job(const BlobLog::Sparse& source) {
  auto file = parts_.blobs.segments().open(source.number);
  if (!file) return fail(file.error());
  parts_.blobs.watch(source.number);
  auto scan = LiveScan::begin(parts_.kv, {source, *file});
  if (!scan) return fail(scan.error());
  CopyTarget target{parts_.blobs.segments(), limits_.segment_size, static_cast<std::uint64_t>(source.row.live)};
  job_.emplace(Job{source, std::move(*file), std::move(*scan), std::move(target)});
  return {};
}

Status Compactor::go_on(std::uint64_t& budget) {
  Job& job = *job_;
  if (job.is_scanned) return job.next < job.copies.size() ? copy_some(budget) : finish();
  const auto scanned = job.scan.go_on(budget);
  if (!scanned) return fail(scanned.error());
  job.is_scanned = *scanned;
  if (!job.is_scanned) return {};
  job.copies = job.scan.take();
  const BlobPlace at = parts_.blobs.copy_target();
  return at.segment == 0 ? Status{} : job.target.resume(at);
}

// What was written is synced before the round ends: never is more than a round's bytes waiting for the disk.
Status Compactor::copy_some(std::uint64_t& budget) {
  Job& job = *job_;
  for (; job.next < job.copies.size() && budget > 0; ++job.next) {
    auto& copy = job.copies[job.next];
    const auto record = read_record(copy);
    if (!record) return fail(record.error());
    const auto place = job.target.append(*record);
    if (!place) return fail(place.error());
    copy.to = *place;
    budget -= std::min(budget, 2 * copy.size);
  }
  if (const auto flushed = job.target.flush(); !flushed) return flushed;
  const auto synced = job.target.sync();
  // Nothing that was acknowledged is at stake, so mail goes on; but a disk that failed once is not tried again.
  if (!synced) has_stopped_ = true;
  return synced;
}

Result<std::string> Compactor::read_record(const Relocation::Copy& copy) const {
  const auto corrupt = [&](std::string_view what) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the body at segment {} offset {} {}", job_->source.number, copy.from, what));
  };
  std::string record(copy.size, '\0');
  const auto got = job_->file->read_at(copy.from, record.data(), record.size());
  if (!got) return corrupt("cannot be read: " + got.error().message);
  const auto header = decode_header(std::string_view{record}.substr(0, *got));
  if (!header || BlobPlace{header->segment, header->offset} != copy.name || record_size(header->length) != copy.size ||
      *got < kRecordHeaderSize + header->length) {
    return corrupt("has no whole record there");
  }
  const auto body = std::string_view{record}.substr(kRecordHeaderSize, header->length);
  if (crc32c(0, body) != header->body_checksum) return corrupt("fails its checksum");
  return record;
}

Status Compactor::finish() {
  Job& job = *job_;
  std::uint64_t bytes = 0;
  for (const auto& copy : job.copies) bytes += copy.size;
  Relocation relocation{job.source.number, job.copies, job.target.tails(), job.target.number()};
  job.is_handed_over = true;
  std::promise<Result<Committed>> promise;
  parts_.committer.relocate(std::move(relocation),
                            [&promise](Result<Committed> result) { promise.set_value(std::move(result)); });
  if (const auto moved = promise.get_future().get(); !moved) return fail(moved.error());
  segments_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  job_.reset();
  parts_.blobs.watch(0);
  return {};
}

void Compactor::abandon(const Error& error) {
  const bool is_refused = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kCorrupt;
  rests_until_ =
      parts_.clock.steady() + (is_refused || error.code == ErrorCode::kLimit ? SteadyTime::duration{} : kRest);
  // A commit that failed otherwise may have reached the disk after all: the copies are kept, and handed over again.
  if (job_->is_handed_over && !is_refused) return;
  job_->target.discard();
  const BlobLog::Sparse source = job_->source;
  job_.reset();
  parts_.blobs.watch(0);
  set_aside(source, error);
}

void Compactor::set_aside(const BlobLog::Sparse& source, const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kFull:
      return;
    case ErrorCode::kLimit:
      set_aside_[source.number] = source.row.live / 2;
      return;
    case ErrorCode::kCorrupt:
      set_aside_[source.number] = 0;
      parts_.log.warning("store: segment {} is not compacted and keeps its space: {}", source.number, error.message);
      return;
    default:
      parts_.log.warning("store: compaction {}: {}", has_stopped_ ? "stops until a restart" : "rests for a minute",
                         error.message);
  }
}

}  // namespace bulkhead::store

#include "src/store/committer.h"

#include <algorithm>
#include <iterator>

#include "src/base/thread_name.h"

namespace bulkhead::store {

namespace {

constexpr std::size_t kGroupTransactionsMax = 4096;
constexpr std::uint64_t kGroupBytesMax = 32ULL << 20;

// What a caller got wrong is its own fault alone, and is found before it can spoil the group.
Status check(const Transaction& transaction) {
  for (const Blob& blob : transaction.blobs) {
    if (blob.writer == nullptr || dynamic_cast<LogBlobWriter*>(blob.writer.get()) == nullptr || blob.holders == 0) {
      return fail(ErrorCode::kInvalid, "a body of the transaction has no writer of this store or no holder");
    }
  }
  using Kind = Batch::Operation::Kind;
  for (const auto& operation : transaction.batch.operations()) {
    if (static_cast<std::size_t>(operation.family) >= kFamilyCount) {
      return fail(ErrorCode::kInvalid, "an operation of the batch names no family");
    }
    if (operation.kind == Kind::kPutWithBlob && operation.blob >= transaction.blobs.size()) {
      return fail(ErrorCode::kInvalid, "an operation of the batch refers to a body that the transaction does not have");
    }
    if (operation.kind == Kind::kRemoveRange && operation.value < operation.key) {
      return fail(ErrorCode::kInvalid, "a range of the batch ends before it begins");
    }
  }
  return {};
}

std::uint64_t size_of(const Transaction& transaction) {
  std::uint64_t size = 0;
  for (const Blob& blob : transaction.blobs) size += blob.writer != nullptr ? blob.writer->size() : 0;
  return size;
}

}  // namespace

void Committer::commit(Transaction transaction, Done done) {
  const std::uint64_t size = size_of(transaction);
  hand_over({std::move(transaction), std::move(done), parts_.clock.steady(), size, {}, {}, {}});
}

void Committer::relocate(Relocation relocation, Done done) {
  hand_over(
      {{}, std::move(done), parts_.clock.steady(), 0, {}, {}, std::make_unique<Relocation>(std::move(relocation))});
}

void Committer::hand_over(Pending pending) {
  bool must_wake = false;
  {
    const std::lock_guard lock{mutex_};
    if (!is_closing_) {
      waiting_.push_back(std::move(pending));
      must_wake = std::exchange(is_idle_, false);
    }
  }
  if (must_wake) wake_.notify_one();
  if (pending.done) pending.done(fail(ErrorCode::kCancelled, "the store is closing"));
}

void Committer::close() {
  {
    const std::lock_guard lock{mutex_};
    is_closing_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock{joining_};
  if (thread_.joinable()) thread_.join();
  is_closed_ = true;
}

Status Committer::health() const {
  if (has_failed_.load(std::memory_order_acquire)) {
    return fail(ErrorCode::kUnavailable, "the store has stopped after a failed write to the disk: " + cause_,
                "check the disk, then restart: the store recovers what was acknowledged");
  }
  if (is_closed_.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "the store is closed");
  return {};
}

void Committer::run() {
  name_this_thread("committer");
  while (take_group()) {
    process_group();
    group_.clear();
  }
}

bool Committer::take_group() {
  if (taken_at_ == taken_.size()) {
    taken_.clear();
    taken_at_ = 0;
    std::unique_lock lock{mutex_};
    is_idle_ = true;
    wake_.wait(lock, [this] { return !waiting_.empty() || is_closing_; });
    is_idle_ = false;
    if (waiting_.empty()) return false;
    taken_.swap(waiting_);
  }
  std::uint64_t bytes = 0;
  while (taken_at_ < taken_.size() && group_.size() < kGroupTransactionsMax) {
    bytes += taken_[taken_at_].size;
    if (!group_.empty() && bytes > kGroupBytesMax) break;
    group_.push_back(std::move(taken_[taken_at_++]));
  }
  return true;
}

void Committer::process_group() {
  if (const auto healthy = health(); !healthy) {
    refuse_all(healthy.error());
  } else {
    place_bodies();
    if (parts_.blobs.has_placed()) store_bodies();
    if (!has_failed_) write_metadata();
  }
  groups_.fetch_add(1, std::memory_order_relaxed);
  answer();
}

void Committer::place_bodies() {
  for (Pending& pending : group_) {
    if (const auto valid = check(pending.transaction); !valid) {
      pending.error = valid.error();
    } else if (!pending.transaction.blobs.empty()) {
      place_bodies_of(pending);
    }
  }
  if (parts_.blobs.segments().has_failed_sync()) {
    give_up({ErrorCode::kIo, "the directory of the segments cannot be synced", {}});
  }
}

void Committer::place_bodies_of(Pending& pending) {
  if (const auto room = parts_.space.check(); !room) {
    pending.error = room.error();
    return;
  }
  for (const Blob& blob : pending.transaction.blobs) {
    auto placed = parts_.blobs.place(static_cast<LogBlobWriter&>(*blob.writer), blob.holders);
    if (!placed) {
      pending.error = placed.error();
      return;
    }
    pending.places.blobs.push_back(*placed);
  }
}

void Committer::store_bodies() {
  if (has_failed_) return;
  if (const auto written = parts_.blobs.write(); !written) {
    parts_.blobs.rolled_back();
    refuse_bodies(written.error());
    return;
  }
  if (const auto synced = parts_.blobs.sync(); !synced) give_up(synced.error());
}

Status Committer::build_one(const Pending& pending) {
  const auto& transaction = pending.transaction;
  const auto encoded = parts_.kv.encode(transaction.batch, pending.places.blobs, batch_);
  if (!encoded) return encoded;
  for (const BlobRef& blob : transaction.releases) {
    const auto released = parts_.blobs.release(blob);
    if (!released) return released;
  }
  for (std::size_t i = 0; i < transaction.blobs.size(); ++i) {
    parts_.blobs.hold(pending.places.blobs[i], transaction.blobs[i].holders);
  }
  return {};
}

// Writes all that is still without error. Only a disk that cannot be read or memory at its end make this fail, and
// then the whole group does: what one transaction has added can no longer be told from the rest.
Status Committer::build(Batch& rows) {
  batch_.Clear();
  for (const Pending& pending : group_) {
    if (pending.error) continue;
    const auto built = build_one(pending);
    if (!built) return built;
  }
  // Behind all releases, so that no copy is kept of what dies in this group.
  for (Pending& pending : group_) {
    if (pending.error || !pending.relocation) continue;
    if (const auto moved = parts_.blobs.relocate(*pending.relocation); !moved) pending.error = moved.error();
  }
  parts_.blobs.rows(rows);
  return parts_.kv.encode(rows, {}, batch_);
}

void Committer::write_metadata() {
  if (std::all_of(group_.begin(), group_.end(), [](const Pending& p) { return p.error.has_value(); })) {
    parts_.blobs.rolled_back();
    return;
  }
  Batch rows;
  auto status = build(rows);
  if (!status) {
    parts_.blobs.rolled_back();
    refuse_all(status.error());
    return;
  }
  if (batch_.Count() > 0) status = parts_.kv.write_synced(batch_);
  if (!status && status.error().code == ErrorCode::kFull && parts_.space.release_reserve()) {
    status = parts_.kv.write_synced(batch_);
  }
  if (status) {
    parts_.blobs.committed();
    remember_bodies();
  } else if (status.error().code == ErrorCode::kFull) {
    parts_.blobs.rolled_back();
    refuse_all(status.error());
  } else {
    give_up(status.error());
  }
}

// Before the answers: whoever is called back may ask for the body at once.
void Committer::remember_bodies() {
  for (Pending& pending : group_) {
    if (pending.error) continue;
    for (const BlobRef& blob : pending.transaction.releases) {
      if (!blob.is_shared) parts_.recent.forget(blob);
    }
    for (std::size_t i = 0; i < pending.transaction.blobs.size(); ++i) {
      auto& writer = static_cast<LogBlobWriter&>(*pending.transaction.blobs[i].writer);
      if (!writer.has_own_segment()) parts_.recent.keep(pending.places.blobs[i], writer.take_record());
    }
  }
}

void Committer::refuse_bodies(const Error& error) {
  for (Pending& pending : group_) {
    if (!pending.error && !pending.transaction.blobs.empty()) pending.error = error;
  }
}

void Committer::refuse_all(const Error& error) {
  for (Pending& pending : group_) {
    if (!pending.error) pending.error = error;
  }
}

void Committer::give_up(const Error& cause) {
  if (has_failed_) return;
  cause_ = cause.message;
  has_failed_.store(true, std::memory_order_release);
  parts_.log.error("store: {}; nothing is acknowledged any more until a restart", cause.message);
  refuse_all(health().error());
}

void Committer::answer() {
  std::uint64_t good = 0;
  for (const Pending& pending : group_) good += pending.error || pending.relocation ? 0 : 1;
  // Counted before the callbacks, so that who is called back finds itself counted.
  commits_.fetch_add(good, std::memory_order_relaxed);
  const SteadyTime now = parts_.clock.steady();
  for (Pending& pending : group_) {
    if (pending.error) {
      pending.done(fail(std::move(*pending.error)));
    } else {
      if (!pending.relocation) latency_.record(now - pending.since);
      pending.done(std::move(pending.places));
    }
  }
}

}  // namespace bulkhead::store

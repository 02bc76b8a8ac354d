// A store in memory: commits apply to maps and are answered at once, on the caller's thread.
//
// A test can make commits fail, hold them back until it releases them, and refuse new mail. What is committed
// survives as long as the FakeStore does, so that the object under test can be "restarted" on it; what was held is
// lost with `drop_held`, as in a crash. Header only: the test's program links bulkhead::store for the plain values.
// Thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/store/store.h"

namespace bulkhead::testlib {

class FakeKv final : public store::Kv {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  Result<std::optional<std::string>> get(store::Family family, std::string_view key) const override {
    const std::lock_guard lock{mutex_};
    if (error_) return fail(*error_);
    const Map& map = of(family);
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional<std::string>{found->second};
  }

  // Visits a copy of the range, so that `visit` may use the store.
  Status scan(store::Family family, std::string_view first, std::string_view past_last, Direction direction,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    std::vector<std::pair<std::string, std::string>> range;
    {
      const std::lock_guard lock{mutex_};
      if (error_) return fail(*error_);
      const Map& map = of(family);
      if (first < past_last) range.assign(map.lower_bound(first), map.lower_bound(past_last));
    }
    if (direction == Direction::kReverse) std::reverse(range.begin(), range.end());
    for (const auto& [key, value] : range) {
      if (!visit(key, value)) break;
    }
    return {};
  }

  // Every read fails with it, until nullopt.
  void fail_reads(std::optional<Error> error) {
    const std::lock_guard lock{mutex_};
    error_ = std::move(error);
  }
  // A copy of a whole family.
  Map contents(store::Family family) const {
    const std::lock_guard lock{mutex_};
    return of(family);
  }
  void apply(const store::Batch& batch, const std::vector<store::BlobRef>& blobs) {
    const std::lock_guard lock{mutex_};
    for (const auto& operation : batch.operations()) apply_one(operation, blobs);
  }

 private:
  Map& of(store::Family family) { return maps_[static_cast<std::size_t>(family)]; }
  const Map& of(store::Family family) const { return maps_[static_cast<std::size_t>(family)]; }

  void apply_one(const store::Batch::Operation& operation, const std::vector<store::BlobRef>& blobs) {
    using Kind = store::Batch::Operation::Kind;
    Map& map = of(operation.family);
    switch (operation.kind) {
      case Kind::kPut:
        map[operation.key] = operation.value;
        return;
      case Kind::kPutWithBlob: {
        std::string value = operation.value;
        blobs.at(operation.blob).append_to(value);
        map[operation.key] = std::move(value);
        return;
      }
      case Kind::kRemove:
        map.erase(operation.key);
        return;
      case Kind::kRemoveRange:
        if (operation.key < operation.value) {
          map.erase(map.lower_bound(operation.key), map.lower_bound(operation.value));
        }
        return;
      case Kind::kAdd:
        add_to(map[operation.key], operation.delta);
    }
  }

  static void add_to(std::string& value, std::int64_t delta) {
    std::uint64_t sum = 0;
    for (std::size_t i = value.size(); i-- > 0;) sum = sum << 8 | static_cast<unsigned char>(value[i]);
    sum += static_cast<std::uint64_t>(delta);
    value.resize(8);
    for (std::size_t i = 0; i < 8; ++i) value[i] = static_cast<char>(sum >> (8 * i));
  }

  mutable std::mutex mutex_;
  std::array<Map, store::kFamilyCount> maps_;
  std::optional<Error> error_;
};

class FakeStore : public store::Store {
 public:
  void commit(store::Transaction transaction, UniqueFunction<void(Result<store::Committed>)> done) override {
    std::unique_lock lock{mutex_};
    if (is_holding_ && !is_closed_) {
      held_.push_back({std::move(transaction), std::move(done)});
      return;
    }
    auto result = commit_locked(std::move(transaction));
    lock.unlock();
    done(std::move(result));
  }

  std::unique_ptr<store::BlobWriter> new_blob() override { return std::make_unique<Writer>(*this); }
  Status accepts_new() const override {
    const std::lock_guard lock{mutex_};
    if (refusal_) return fail(*refusal_);
    return {};
  }
  Result<std::string> read_blob(const store::BlobRef& blob, std::uint64_t offset, std::uint64_t size) const override {
    const std::lock_guard lock{mutex_};
    const auto found = blobs_.find(blob.offset);
    if (found == blobs_.end()) return fail(ErrorCode::kNotFound, "no such blob in the fake store");
    if (found->second.is_damaged) return fail(ErrorCode::kCorrupt, "the blob fails its checksum");
    const auto& bytes = found->second.bytes;
    return offset > bytes.size() ? std::string{} : bytes.substr(offset, size);
  }
  Status verify_blob(const store::BlobRef& blob) const override {
    const auto read = read_blob(blob, 0, blob.length);
    if (!read) return fail(read.error());
    return {};
  }
  const store::Kv& kv() const override { return kv_; }
  store::StoreUsage usage() const override {
    const std::lock_guard lock{mutex_};
    store::StoreUsage usage;
    for (const auto& [offset, blob] : blobs_) usage.live_bytes += blob.bytes.size();
    usage.bytes = usage.live_bytes;
    usage.commits = usage.groups = commits_;
    return usage;
  }
  Status reclaim() override { return {}; }
  void close() override {
    release_commits();
    const std::lock_guard lock{mutex_};
    is_closed_ = true;
  }

  // The controls of a test.
  FakeKv& fake_kv() { return kv_; }
  // The next `count` commits fail with `error`.
  void fail_commits(Error error, std::size_t count = 1) {
    const std::lock_guard lock{mutex_};
    failure_ = std::move(error);
    failures_left_ = count;
  }
  // Commits fail as in a closing store once so many have succeeded: the instant of a crash.
  void fail_commits_after(std::size_t count) {
    const std::lock_guard lock{mutex_};
    crash_after_ = count;
  }
  // Bodies that are appended fail from now on, until nullopt.
  void fail_appends(std::optional<Error> error) {
    const std::lock_guard lock{mutex_};
    append_failure_ = std::move(error);
  }
  // What accepts_new() answers, until nullopt.
  void refuse_new(std::optional<Error> error) {
    const std::lock_guard lock{mutex_};
    refusal_ = std::move(error);
  }
  void hold_commits() {
    const std::lock_guard lock{mutex_};
    is_holding_ = true;
  }
  std::size_t held_commits() const {
    const std::lock_guard lock{mutex_};
    return held_.size();
  }
  // Commits the oldest `count` of those held, in their order, and goes on holding.
  void release_commits_oldest(std::size_t count) {
    for (; count > 0; --count) {
      std::unique_lock lock{mutex_};
      if (held_.empty()) return;
      Held next = std::move(held_.front());
      held_.erase(held_.begin());
      auto result = commit_locked(std::move(next.transaction));
      lock.unlock();
      next.done(std::move(result));
    }
  }
  // Commits the one that was held last, and goes on holding.
  void release_newest_commit() {
    std::unique_lock lock{mutex_};
    Held last = std::move(held_.back());
    held_.pop_back();
    auto result = commit_locked(std::move(last.transaction));
    lock.unlock();
    last.done(std::move(result));
  }
  // Commits all that is held, and holds no more.
  void release_commits() {
    for (;;) {
      {
        const std::lock_guard lock{mutex_};
        is_holding_ = !held_.empty();  // one that has come meanwhile is not left behind
        if (!is_holding_) return;
      }
      release_commits_oldest(1);
    }
  }
  // Forgets what is held without an answer, as a crash does.
  void drop_held() {
    const std::lock_guard lock{mutex_};
    held_.clear();
    is_holding_ = false;
  }
  std::size_t blob_count() const {
    const std::lock_guard lock{mutex_};
    return blobs_.size();
  }
  void damage_blob(const store::BlobRef& blob) {
    const std::lock_guard lock{mutex_};
    blobs_.at(blob.offset).is_damaged = true;
  }

 private:
  struct Stored {
    std::string bytes;
    std::uint32_t holders = 1;
    bool is_damaged = false;
  };
  struct Held {
    store::Transaction transaction;
    UniqueFunction<void(Result<store::Committed>)> done;
  };
  class Writer final : public store::BlobWriter {
   public:
    explicit Writer(FakeStore& store) : store_(store) {}
    Status append(std::string_view bytes) override {
      const std::lock_guard lock{store_.mutex_};
      if (store_.append_failure_) return fail(*store_.append_failure_);
      bytes_.append(bytes);
      return {};
    }
    std::uint64_t size() const override { return bytes_.size(); }
    std::string take() { return std::move(bytes_); }

   private:
    FakeStore& store_;
    std::string bytes_;
  };

  Result<store::Committed> commit_locked(store::Transaction transaction) {
    if (is_closed_) return fail(ErrorCode::kCancelled, "the store is closed");
    if (commits_ >= crash_after_) return fail(ErrorCode::kCancelled, "the store has crashed");
    if (failures_left_ > 0) {
      --failures_left_;
      return fail(failure_);
    }
    ++commits_;
    store::Committed committed;
    for (auto& blob : transaction.blobs) committed.blobs.push_back(keep(blob));
    for (const auto& ref : transaction.releases) release(ref);
    kv_.apply(transaction.batch, committed.blobs);
    return committed;
  }
  store::BlobRef keep(store::Blob& blob) {
    store::BlobRef ref;
    ref.segment = 1;
    ref.offset = next_offset_;
    ref.length = blob.writer->size();
    ref.is_shared = blob.holders > 1;
    next_offset_ += ref.length + 1;
    blobs_[ref.offset] = {static_cast<Writer&>(*blob.writer).take(), blob.holders, false};
    return ref;
  }
  void release(const store::BlobRef& ref) {
    const auto found = blobs_.find(ref.offset);
    if (found != blobs_.end() && --found->second.holders == 0) blobs_.erase(found);
  }

  mutable std::mutex mutex_;
  FakeKv kv_;
  std::map<std::uint64_t, Stored> blobs_;
  std::uint64_t next_offset_ = 0;
  std::uint64_t commits_ = 0;
  std::vector<Held> held_;
  bool is_holding_ = false;
  bool is_closed_ = false;
  std::size_t failures_left_ = 0;
  std::uint64_t crash_after_ = UINT64_MAX;
  Error failure_;
  std::optional<Error> append_failure_;
  std::optional<Error> refusal_;
};

}  // namespace bulkhead::testlib

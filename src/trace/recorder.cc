#include "src/trace/recorder.h"

#include "src/base/thread_name.h"
#include "src/trace/archive_records.h"

namespace bulkhead::trace {

namespace {

constexpr std::size_t kBatchMax = 4096;
constexpr std::chrono::seconds kRetryInterval{1};

}  // namespace

Recorder::Recorder(Options options, store::Store& store, Log& log, std::function<void(const Entry&)> on_durable)
    : options_(options), store_(store), log_(log), on_durable_(std::move(on_durable)), thread_([this] { run(); }) {}

Recorder::~Recorder() {
  close();
}

bool Recorder::record(Entry entry) {
  const std::size_t size = entry.key.size() + entry.value.size();
  std::unique_lock lock{mutex_};
  if (is_closing_ || buffer_.size() >= options_.events_max || buffered_bytes_ + size > options_.bytes_max) {
    lock.unlock();
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  buffer_.push_back(std::move(entry));
  buffered_bytes_ += size;
  ++recorded_;
  const bool is_first = buffer_.size() == 1;
  const bool is_much = buffer_.size() == kBatchMax;
  lock.unlock();
  if (is_first || is_much) wake_.notify_one();
  return true;
}

Status Recorder::flush() {
  std::unique_lock lock{mutex_};
  const auto target = recorded_;
  const auto attempts = attempts_;
  ++flushes_;
  wake_.notify_one();
  // An attempt that was under way when the flush began may have left our events out; the one after it has not.
  finished_.wait(lock, [&] { return committed_ >= target || (attempts_ > attempts && !last_attempt_) || has_ended_; });
  --flushes_;
  if (committed_ >= target) return {};
  return last_attempt_ ? fail(ErrorCode::kCancelled, "the trace is closed") : last_attempt_;
}

void Recorder::close() {
  {
    const std::lock_guard lock{mutex_};
    is_closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Recorder::run() {
  name_this_thread("trace");
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return !buffer_.empty() || is_closing_; });
    if (buffer_.empty()) break;
    wake_.wait_for(lock, options_.linger,
                   [this] { return is_closing_ || flushes_ > 0 || buffer_.size() >= kBatchMax; });
    auto batch = take();
    lock.unlock();
    commit(std::move(batch));
    lock.lock();
    if (last_attempt_) continue;
    if (is_closing_) break;
    wake_.wait_for(lock, kRetryInterval, [this] { return is_closing_ || flushes_ > 0; });
  }
  has_ended_ = true;
  finished_.notify_all();
  if (buffer_.empty()) return;
  dropped_ += buffer_.size();
  log_.error("{} events of the trace are lost at the end: {}", buffer_.size(), last_attempt_.error().message);
}

std::deque<Recorder::Entry> Recorder::take() {
  std::deque<Entry> batch;
  while (!buffer_.empty() && batch.size() < kBatchMax) {
    buffered_bytes_ -= buffer_.front().key.size() + buffer_.front().value.size();
    batch.push_back(std::move(buffer_.front()));
    buffer_.pop_front();
  }
  return batch;
}

void Recorder::commit(std::deque<Entry> batch) {
  store::Batch changes;
  for (const auto& entry : batch) changes.put(store::Family::kTrace, entry.key, entry.value);
  auto status = commit_and_wait(store_, std::move(changes));
  if (status) {
    for (const auto& entry : batch) on_durable_(entry);
  }
  const std::lock_guard lock{mutex_};
  if (status) {
    committed_ += batch.size();
  } else {
    if (last_attempt_) log_.warning("events of the trace wait in memory: {}", status.error().message);
    for (; !batch.empty(); batch.pop_back()) {
      buffered_bytes_ += batch.back().key.size() + batch.back().value.size();
      buffer_.push_front(std::move(batch.back()));
    }
  }
  last_attempt_ = std::move(status);
  ++attempts_;
  finished_.notify_all();
}

}  // namespace bulkhead::trace

// Commits the events that belong to nobody else's commit: buffered, in batches, a moment later.
//
// A thread of its own waits `linger` after the first event of a batch, so that a busy server syncs a few times a
// second for all of them. A commit that fails is tried again each second; meanwhile events gather up to the bound, and
// what comes beyond it is counted and lost.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "src/base/log.h"
#include "src/store/store.h"

namespace bulkhead::trace {

class Recorder {
 public:
  struct Options {
    std::chrono::milliseconds linger{100};
    std::size_t events_max = 65'536;
    std::size_t bytes_max = 32U << 20;
  };
  struct Entry {
    std::string key;
    std::string value;
  };
  // `on_durable` is called on the recorder's thread for each entry after its commit.
  Recorder(Options options, store::Store& store, Log& log, std::function<void(const Entry&)> on_durable);
  ~Recorder();

  // Any thread; never blocks on I/O. False when the buffer is full and the entry is lost.
  bool record(Entry entry);
  // Waits until what was recorded before is durable, or an attempt to make it so has failed.
  Status flush();
  // One last attempt, then the end. Idempotent.
  void close();
  std::uint64_t dropped() const { return dropped_; }

 private:
  void run();
  std::deque<Entry> take();
  void commit(std::deque<Entry> batch);

  const Options options_;
  store::Store& store_;
  Log& log_;
  const std::function<void(const Entry&)> on_durable_;
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, finished_;
  std::deque<Entry> buffer_;
  std::size_t buffered_bytes_ = 0;
  std::uint64_t recorded_ = 0, committed_ = 0, attempts_ = 0;
  std::size_t flushes_ = 0;  // that wait now
  Status last_attempt_;
  bool is_closing_ = false, has_ended_ = false;
  std::thread thread_;  // last, so that the rest exists when it starts
};

}  // namespace bulkhead::trace

// The one thread that makes things durable: it takes whatever waits, appends and syncs the bodies, writes one synced
// batch, and calls everybody back. It never waits for company; the next group forms while one is synced.
//
// The order is the safety: bodies are on the disk before the rows that name them are.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <rocksdb/write_batch.h>

#include "src/store/blob_log.h"
#include "src/store/latency.h"
#include "src/store/recent_bodies.h"
#include "src/store/rocks_kv.h"
#include "src/store/space_watch.h"
#include "src/store/store.h"

namespace bulkhead::store {

class Committer {
 public:
  using Done = UniqueFunction<void(Result<Committed>)>;
  struct Parts {  // all outlive the committer
    BlobLog& blobs;
    RocksKv& kv;
    SpaceWatch& space;
    RecentBodies& recent;
    const Clock& clock;
    Log& log;
  };

  explicit Committer(Parts parts) : parts_(parts), thread_([this] { run(); }) {}
  ~Committer() { close(); }

  void commit(Transaction transaction, Done done);  // any thread
  // As commit, for what BlobLog::relocate says.
  void relocate(Relocation relocation, Done done);
  // Finishes what was handed over before, refuses what comes after. Idempotent, any thread but the committer's.
  void close();

  // kUnavailable after a failed sync, kCancelled after close(). Any thread, cheap.
  Status health() const;
  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
  std::uint64_t groups() const { return groups_.load(std::memory_order_relaxed); }
  const LatencyHistogram& latency() const { return latency_; }

 private:
  struct Pending {
    Transaction transaction;
    Done done;
    SteadyTime since;
    std::uint64_t size = 0;
    Committed places;
    std::optional<Error> error;
    std::unique_ptr<Relocation> relocation;  // null: a transaction
  };

  void hand_over(Pending pending);
  void run();
  bool take_group();
  void process_group();
  void place_bodies();
  void place_bodies_of(Pending& pending);
  void store_bodies();
  Status build(Batch& rows);
  Status build_one(const Pending& pending);
  void write_metadata();
  void remember_bodies();
  void answer();
  void refuse_bodies(const Error& error);
  void refuse_all(const Error& error);
  void give_up(const Error& cause);

  Parts parts_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Pending> waiting_;
  bool is_idle_ = false;
  bool is_closing_ = false;

  std::atomic<bool> has_failed_{false};
  std::atomic<bool> is_closed_{false};
  std::string cause_;  // of the failure; written before has_failed_
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> groups_{0};
  LatencyHistogram latency_;

  // The committer's own.
  std::vector<Pending> group_;
  std::vector<Pending> taken_;  // waits behind a group that is full
  std::size_t taken_at_ = 0;
  rocksdb::WriteBatch batch_;

  std::mutex joining_;
  std::thread thread_;  // last: runs while all else lives
};

}  // namespace bulkhead::store

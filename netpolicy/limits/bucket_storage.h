// Keeps the buckets over a restart: what has changed goes to the kv about once a second, as one batch that rides in the
// committer's next group, and once more at the end. A crash forgets at most the last second.
//
// While the store cannot write, the buckets go on in memory: nobody gets more, nobody less. It is said once.
#pragma once

#include <atomic>

#include "netpolicy/limits/limiter.h"
#include "src/base/log.h"
#include "src/store/store.h"

namespace bulkhead::netpolicy {

class BucketStorage {
 public:
  // All outlive it, and the store's last commit is done before it dies.
  BucketStorage(Limiter& limiter, store::Store& store, Log& log) : limiter_(limiter), store_(store), log_(log) {}

  // At the start, before mail is taken; blocks. Rows that cannot be read are passed over, which the log says. When the
  // wall clock stands before the last save, it was set back: no time is taken to have passed since.
  Status load();
  // Hands what has changed to the committer, unless the save before is still under way. Any thread but one at a time.
  void save();
  // The same at the end: waits until it is durable or has failed.
  Status save_and_wait();

  std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  void commit(BucketChanges changes, UniqueFunction<void(Status)> done);
  void note(const Status& status);

  Limiter& limiter_;
  store::Store& store_;
  Log& log_;
  std::atomic<bool> is_saving_{false};
  std::atomic<bool> is_failing_{false};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace bulkhead::netpolicy

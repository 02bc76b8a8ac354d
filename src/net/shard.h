// A shard: one thread with its own event loop. Connections and lanes live and die on one shard.
//
// The Runtime owns the shards and the blocking pool. Everything here may be called from any thread unless it says
// "on the shard". ASIO stays behind these declarations.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/base/task.h"
#include "src/base/unique_function.h"

namespace bulkhead::net {

class TaskGroup;
class BlockingPool;

class Shard {
 public:
  explicit Shard(std::size_t index);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::size_t index() const { return index_; }
  // Runs `work` on this shard, later, in order of posting. Any thread.
  void post(UniqueFunction<void()> work);
  // Runs `work` once after `delay`, on the shard; the shard must be the caller's. Cannot be cancelled: owners that
  // may die first use TaskGroup with sleep().
  void post_after(std::chrono::milliseconds delay, UniqueFunction<void()> work);
  bool is_current() const;  // whether the calling thread is this shard's

  // Suspends the calling coroutine for `delay`; false when the group it runs in is being cancelled. On the shard.
  Task<bool> sleep(std::chrono::milliseconds delay, TaskGroup& group);

  // Implementation detail of src/net.
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::size_t index_;
  std::unique_ptr<Impl> impl_;
};

// Owns coroutines that nobody awaits: sessions, connection loops, background work. Lives on one shard.
// cancel() asks all children to end (their pending waits return kCancelled); the destructor requires that they have.
class TaskGroup {
 public:
  explicit TaskGroup(Shard& shard, Log& log);
  ~TaskGroup();
  void spawn(Task<void> task);        // on the shard; an exception that escapes is logged as an error
  std::size_t size() const;           // running children
  bool is_cancelled() const;
  void cancel();                      // on the shard
  // Ends when no child runs any more.
  Task<void> join();
  // Registers what cancel() must wake; returns a token that unregisters. On the shard.
  class CancelHook;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Lets a coroutine wait for a callback of another thread: `co_await completion.wait()` resumes on `shard` once
// `set(value)` was called, from any thread, exactly once. The cheap bridge to the committer and the blocking pool.
template <class T>
class Completion;

// A bounded set of threads for work that blocks (password hashes, the directory's database, file reads).
class BlockingPool {
 public:
  BlockingPool(std::size_t threads, std::size_t queue_max);
  ~BlockingPool();  // runs what was queued, then joins
  // Runs `work` on a pool thread. False when the queue is full: the caller answers "try again later".
  bool submit(UniqueFunction<void()> work);

  // Runs `work` on the pool and resumes the caller on `shard` with its result; kUnavailable when the queue is full.
  template <class F>
  auto run(Shard& shard, F work) -> Task<Result<std::invoke_result_t<F>>>;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Runtime {
 public:
  explicit Runtime(std::size_t shards);  // 0: one a core
  ~Runtime();
  std::size_t size() const { return shards_.size(); }
  Shard& shard(std::size_t index) { return *shards_[index]; }
  void start();  // starts the threads
  void stop();   // lets what was posted finish, then joins; sessions must have ended
 private:
  std::vector<std::unique_ptr<Shard>> shards_;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::net

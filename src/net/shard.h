// A shard: one thread with its own event loop. Connections and lanes live and die on one shard.
//
// The Runtime owns the shards and the blocking pool. Everything here may be called from any thread unless it says
// "on the shard". ASIO stays behind these declarations.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/base/task.h"
#include "src/base/unique_function.h"
#include "src/net/completion.h"

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
  // Runs `work` on this shard, later, in order of posting. Any thread. `work` must not throw. What many threads post
  // together wakes the shard once.
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
  // Starts `task` at once, up to its first wait. On the shard. An exception that escapes it is logged as an error.
  void spawn(Task<void> task);
  std::size_t size() const;  // running children
  bool is_cancelled() const;
  void cancel();  // on the shard
  // Ends when no child runs any more. On the shard, and not from a child.
  Task<void> join();
  // Names what cancel() must wake.
  class CancelHook;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Registers, for its life, what cancel() of the group must wake; a session holds one for its stream:
// `TaskGroup::CancelHook hook{group, [&stream] { stream.cancel(); }};`. When the group is already cancelled, `wake` is
// called at once. `wake` runs at most once and must not resume a coroutine itself (Stream::cancel() does not). On the
// shard.
class TaskGroup::CancelHook {
 public:
  CancelHook(TaskGroup& group, UniqueFunction<void()> wake);
  ~CancelHook();
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  friend class TaskGroup;
  CancelHook() : previous_(this), next_(this) {}  // the head of a group's list
  void unlink();

  UniqueFunction<void()> wake_;
  CancelHook* previous_ = nullptr;  // of the group's circular list; null when not linked
  CancelHook* next_ = nullptr;
};

// A bounded set of threads for work that blocks (password hashes, the directory's database, file reads).
class BlockingPool {
 public:
  BlockingPool(std::size_t threads, std::size_t queue_max);
  ~BlockingPool();  // runs what was queued, then joins
  // Runs `work` on a pool thread. False when the queue is full: the caller answers "try again later".
  bool submit(UniqueFunction<void()> work);

  // Runs `work` on the pool and resumes the caller on `shard` with its result; kUnavailable when the queue is full,
  // kIo when `work` threw. Name a capturing lambda before awaiting (g++ 12): `auto work = [..] {..};
  // const auto hash = co_await pool.run(shard, std::move(work));`
  template <class F>
  auto run(Shard& shard, F work) -> Task<Result<std::invoke_result_t<F&>>>;

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
  void stop();   // lets what was posted finish, then joins; sessions must have ended. Idempotent
 private:
  std::vector<std::unique_ptr<Shard>> shards_;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class F>
auto BlockingPool::run(Shard& shard, F work) -> Task<Result<std::invoke_result_t<F&>>> {
  using Outcome = Result<std::invoke_result_t<F&>>;
  Completion<Outcome> done{shard};
  auto job = [done, work = std::move(work)]() mutable {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        work();
        done.set(Outcome{});
      } else {
        done.set(Outcome{work()});
      }
    } catch (const std::exception& e) {
      done.set(Outcome{fail(ErrorCode::kIo, std::string{"work on the blocking pool failed: "} + e.what())});
    }
  };
  if (!submit(std::move(job))) co_return fail(ErrorCode::kUnavailable, "the blocking pool's queue is full");
  co_return co_await done.wait();
}

}  // namespace bulkhead::net

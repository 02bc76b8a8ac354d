// What a coroutine of the queue waits for outside its shard: a commit, the pool, its turn on another shard.
//
// Each is an awaiter to be named before it is awaited. They need nothing but Shard::post, so that the queue's
// coroutines resume in order with whatever else was posted there.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "src/net/shard.h"
#include "src/store/store.h"

namespace bulkhead::queue {

// Continues on `shard`; at once when the caller is there already.
class OnShard {
 public:
  explicit OnShard(net::Shard& shard) : shard_(shard) {}
  bool await_ready() const { return shard_.is_current(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    shard_.post([waiting] { waiting.resume(); });
  }
  void await_resume() const {}

 private:
  net::Shard& shard_;
};

// Continues on the same shard after what was posted there meanwhile: between the slices of long work.
class Yield {
 public:
  explicit Yield(net::Shard& shard) : shard_(shard) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    shard_.post([waiting] { waiting.resume(); });
  }
  void await_resume() const {}

 private:
  net::Shard& shard_;
};

// Hands a transaction to the committer; continues on `shard` with its result.
class CommitOf {
 public:
  CommitOf(store::Store& store, net::Shard& shard, store::Transaction transaction)
      : store_(store), shard_(shard), transaction_(std::move(transaction)) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    net::Shard& shard = shard_;
    store_.commit(std::move(transaction_), [this, waiting, &shard](Result<store::Committed> result) {
      result_.emplace(std::move(result));
      shard.post([waiting] { waiting.resume(); });  // from here on `this` may be gone
    });
  }
  Result<store::Committed> await_resume() { return std::move(*result_); }

 private:
  store::Store& store_;
  net::Shard& shard_;
  store::Transaction transaction_;
  std::optional<Result<store::Committed>> result_;
};

// Runs `work` on the pool; continues on `shard`. kUnavailable when the pool is full.
template <class T>
class OnPool {
 public:
  OnPool(net::BlockingPool& pool, net::Shard& shard, UniqueFunction<Result<T>()> work)
      : pool_(pool), shard_(shard), work_(std::move(work)) {}
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    net::Shard& shard = shard_;
    const bool is_queued = pool_.submit([this, waiting, &shard] {
      result_.emplace(work_());
      shard.post([waiting] { waiting.resume(); });
    });
    if (is_queued) return true;  // `this` may be gone already
    result_.emplace(fail(ErrorCode::kUnavailable, "too much waits for the blocking pool"));
    return false;
  }
  Result<T> await_resume() { return std::move(*result_); }

 private:
  net::BlockingPool& pool_;
  net::Shard& shard_;
  UniqueFunction<Result<T>()> work_;
  std::optional<Result<T>> result_;
};

}  // namespace bulkhead::queue

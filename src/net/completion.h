// The bridge from a callback of another thread to a coroutine on its shard: commits, the blocking pool.
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "src/base/check.h"

namespace bulkhead::net {

class Shard;

// Resumes `handle` on `shard`, later, in the order of posting. Any thread; no allocation of its own.
void resume_on(Shard& shard, std::coroutine_handle<> handle);

// Lets one coroutine wait for one value: `co_await completion.wait()` resumes on `shard` once `set(value)` was called,
// from any thread, exactly once; before or after the wait.
//
// Life time: a Completion is a counted reference. Give the setter a copy; whoever lets go last frees the state, so a
// setter that comes after the waiter is gone writes to nobody and harms nothing. The shard must outlive both. A setter
// that never calls leaves its waiter suspended for ever: every path of the callback's owner must call it.
template <class T>
class Completion {
 public:
  explicit Completion(Shard& shard) : state_(std::make_shared<State>(shard)) {}

  void set(T value) {
    const std::shared_ptr<State> state = state_;
    state->value.emplace(std::move(value));
    const auto before = state->phase.exchange(Phase::kSet, std::memory_order_acq_rel);
    BULKHEAD_CHECK(before != Phase::kSet);
    if (before == Phase::kWaiting) resume_on(state->shard, state->waiter);
  }

  struct Awaiter;
  // Await it once, on the shard.
  Awaiter wait() const { return Awaiter{state_}; }

 private:
  enum class Phase { kEmpty, kWaiting, kSet };
  struct State {
    explicit State(Shard& s) : shard(s) {}
    Shard& shard;
    std::atomic<Phase> phase{Phase::kEmpty};
    std::optional<T> value;            // written before the phase becomes kSet, read after
    std::coroutine_handle<> waiter{};  // written before the phase becomes kWaiting, read after
  };
  std::shared_ptr<State> state_;

 public:
  struct Awaiter {
    std::shared_ptr<State> state;
    bool await_ready() const noexcept { return state->phase.load(std::memory_order_acquire) == Phase::kSet; }
    bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
      state->waiter = awaiting;
      Phase expected = Phase::kEmpty;
      return state->phase.compare_exchange_strong(expected, Phase::kWaiting, std::memory_order_acq_rel);
    }
    T await_resume() { return std::move(*state->value); }
  };
};

}  // namespace bulkhead::net

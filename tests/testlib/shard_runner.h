// Runs coroutines on a real shard from a test's thread and waits for what they return.
#pragma once

#include <future>
#include <utility>

#include "src/net/shard.h"
#include "tests/testlib/recording_log.h"

namespace bulkhead::testlib {

// `ShardRunner runner; auto n = runner.run(count(runner.shard()));` The task is made on the test's thread, runs on the
// shard. What run() or spawn() started must have ended before the runner dies; the destructor cancels and waits.
class ShardRunner {
 public:
  explicit ShardRunner(std::size_t shards = 1) : runtime_(shards), group_(runtime_.shard(0), log_) { runtime_.start(); }
  ~ShardRunner() {
    call([this] { group_.cancel(); });
    run(group_.join());
    runtime_.stop();
  }

  net::Shard& shard(std::size_t index = 0) { return runtime_.shard(index); }
  net::TaskGroup& group() { return group_; }  // on shard 0
  RecordingLog& log() { return log_; }

  template <class T>
  T run(Task<T> task) {
    return run_on(shard(), std::move(task));
  }
  template <class T>
  T run_on(net::Shard& shard, Task<T> task) {
    std::promise<T> promise;
    auto result = promise.get_future();
    net::TaskGroup* own = nullptr;
    shard.post([&] {
      own = new net::TaskGroup{shard, log_};
      own->spawn(deliver(std::move(task), promise));
    });
    if constexpr (std::is_void_v<T>) {
      result.get();
      dispose(shard, own);
    } else {
      T value = result.get();
      dispose(shard, own);
      return value;
    }
  }
  // Starts `task` on shard 0 and does not wait for it.
  void spawn(Task<void> task) {
    shard().post([this, task = std::move(task)]() mutable { group_.spawn(std::move(task)); });
  }
  // Runs a plain function on the shard and waits for it.
  template <class F>
  void call(F function) {
    std::promise<void> done;
    shard().post([&] {
      function();
      done.set_value();
    });
    done.get_future().get();
  }

 private:
  template <class T>
  static Task<void> deliver(Task<T> task, std::promise<T>& promise) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        promise.set_value();
      } else {
        promise.set_value(co_await std::move(task));
      }
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }
  static void dispose(net::Shard& shard, net::TaskGroup* group) {
    std::promise<void> done;
    shard.post([&] {
      delete group;
      done.set_value();
    });
    done.get_future().get();
  }

  RecordingLog log_;
  net::Runtime runtime_;
  net::TaskGroup group_;
};

}  // namespace bulkhead::testlib

#include "src/net/shard.h"

#include <string>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <pthread.h>
#include <signal.h>

#include "src/base/thread_name.h"
#include "src/net/shard_impl.h"
#include "src/net/tls_clients.h"

namespace bulkhead::net {

void resume_on(Shard& shard, std::coroutine_handle<> handle) {
  shard.impl().post(Shard::Impl::Posted{{}, handle});
}

Shard::Impl::Impl() : wheel(std::chrono::steady_clock::now()), tick(io) {}

Shard::Impl::~Impl() = default;

void Shard::Impl::post(Posted item) {
  bool is_first = false;
  {
    const std::lock_guard lock{mutex};
    is_first = posted.empty();
    posted.push_back(std::move(item));
  }
  // Only the first of a batch wakes the shard; the others ride along.
  if (is_first) asio::post(io, [this] { drain(); });
}

void Shard::Impl::drain() {
  {
    const std::lock_guard lock{mutex};
    running.swap(posted);
  }
  for (Posted& item : running) {
    if (item.handle) {
      item.handle.resume();
    } else {
      item.work();
    }
  }
  running.clear();
}

void Shard::Impl::request_stop() {
  post(Posted{[this] {
                bool is_idle = false;
                {
                  const std::lock_guard lock{mutex};
                  is_idle = posted.empty();
                }
                if (is_idle) {
                  io.stop();
                } else {
                  request_stop();
                }
              },
              {}});
}

void Shard::Impl::run() {
  // A library that writes to a closed connection (c-ares over TCP) must get an error, not end the program.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  thread_id.store(std::this_thread::get_id(), std::memory_order_relaxed);
  const auto guard = asio::make_work_guard(io);
  io.run();
}

void Shard::Impl::set_deadline(DeadlineWheel::Entry& entry, SteadyTime deadline) {
  wheel.insert(entry, deadline);
  if (!is_tick_armed) arm_tick();
}

void Shard::Impl::arm_tick() {
  is_tick_armed = true;
  tick.expires_after(DeadlineWheel::kTick);
  tick.async_wait([this](const asio::error_code& error) {
    is_tick_armed = false;
    if (error) return;
    wheel.advance(std::chrono::steady_clock::now());
    // An idle shard sleeps; the next deadline starts the tick again.
    if (!wheel.is_empty() && !is_tick_armed) arm_tick();
  });
}

Shard::Shard(std::size_t index) : index_(index), impl_(std::make_unique<Impl>()) {}

Shard::~Shard() = default;

void Shard::post(UniqueFunction<void()> work) {
  impl_->post(Impl::Posted{std::move(work), {}});
}

void Shard::post_after(std::chrono::milliseconds delay, UniqueFunction<void()> work) {
  auto timer = std::make_unique<asio::steady_timer>(impl_->io, delay);
  auto& waiting = *timer;
  waiting.async_wait([owned = std::move(timer), work = std::move(work)](const asio::error_code& error) mutable {
    if (!error) work();
  });
}

bool Shard::is_current() const {
  return impl_->thread_id.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

namespace {

// Waits for a timer; true when it ran out, false when it was cancelled.
struct TimerWait {
  asio::steady_timer& timer;
  bool has_elapsed = false;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    timer.async_wait([this, awaiting](const asio::error_code& error) {
      has_elapsed = !error;
      awaiting.resume();
    });
  }
  bool await_resume() const noexcept { return has_elapsed; }
};

}  // namespace

Task<bool> Shard::sleep(std::chrono::milliseconds delay, TaskGroup& group) {
  if (group.is_cancelled()) co_return false;
  asio::steady_timer timer{impl_->io, delay};
  const TaskGroup::CancelHook hook{group, [&timer] { timer.cancel(); }};
  TimerWait wait{timer};
  const bool has_elapsed = co_await wait;
  // A cancel that came after the timer had already fired is not lost either.
  co_return has_elapsed && !group.is_cancelled();
}

struct Runtime::Impl {
  std::vector<std::thread> threads;
};

Runtime::Runtime(std::size_t shards) : impl_(std::make_unique<Impl>()) {
  if (shards == 0) shards = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>(i));
}

Runtime::~Runtime() {
  stop();
}

void Runtime::start() {
  BULKHEAD_CHECK(impl_->threads.empty());
  for (auto& shard : shards_) {
    impl_->threads.emplace_back([&loop = shard->impl(), index = shard->index()] {
      name_this_thread("shard-" + std::to_string(index));
      loop.run();
    });
  }
}

void Runtime::stop() {
  for (auto& shard : shards_) shard->impl().request_stop();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

}  // namespace bulkhead::net

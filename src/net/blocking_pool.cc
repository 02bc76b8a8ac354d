#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "src/base/thread_name.h"
#include "src/net/shard.h"

namespace bulkhead::net {

struct BlockingPool::Impl {
  void run();

  std::size_t queue_max = 0;
  std::mutex mutex;
  std::condition_variable has_work;
  std::deque<UniqueFunction<void()>> queue;  // guarded by mutex
  bool is_stopping = false;                  // guarded by mutex
  std::vector<std::thread> threads;
};

void BlockingPool::Impl::run() {
  std::unique_lock lock{mutex};
  while (true) {
    has_work.wait(lock, [this] { return is_stopping || !queue.empty(); });
    if (queue.empty()) return;
    {
      UniqueFunction<void()> work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
    }
    lock.lock();
  }
}

BlockingPool::BlockingPool(std::size_t threads, std::size_t queue_max) : impl_(std::make_unique<Impl>()) {
  impl_->queue_max = queue_max;
  for (std::size_t i = 0; i < threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get(), i] {
      name_this_thread("blocking-" + std::to_string(i));
      impl->run();
    });
  }
}

BlockingPool::~BlockingPool() {
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->is_stopping = true;
  }
  impl_->has_work.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

bool BlockingPool::submit(UniqueFunction<void()> work) {
  {
    const std::lock_guard lock{impl_->mutex};
    if (impl_->queue.size() >= impl_->queue_max) return false;
    impl_->queue.push_back(std::move(work));
  }
  impl_->has_work.notify_one();
  return true;
}

}  // namespace bulkhead::net

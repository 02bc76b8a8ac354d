#include "src/app/shard_runs.h"

#include <future>
#include <memory>
#include <vector>

namespace bulkhead::app {

namespace {

// Spawns the task in a group on its shard, and waits for it when it dies.
class Running {
 public:
  Running(net::Shard& shard, Log& log, UniqueFunction<Task<void>()> make_task)
      : shard_(shard), group_(shard, log), make_task_(std::move(make_task)) {
    shard_.post([this] { group_.spawn(run(make_task_(), ended_)); });
  }
  ~Running() {
    ended_.get_future().wait();
    // The group's child ends just after its promise: the shard must have left it before it dies.
    std::promise<void> left;
    shard_.post([&] { left.set_value(); });
    left.get_future().wait();
  }

 private:
  static Task<void> run(Task<void> task, std::promise<void>& done) {
    co_await std::move(task);
    done.set_value();
  }

  net::Shard& shard_;
  net::TaskGroup group_;
  UniqueFunction<Task<void>()> make_task_;
  std::promise<void> ended_;
};

}  // namespace

void run_and_wait(net::Shard& shard, Log& log, UniqueFunction<Task<void>()> make_task) {
  const Running running{shard, log, std::move(make_task)};
}

void run_on_each(net::Runtime& runtime, Log& log, const std::function<Task<void>(std::size_t)>& make_task) {
  std::vector<std::unique_ptr<Running>> all;
  for (std::size_t i = 0; i < runtime.size(); ++i) {
    all.push_back(std::make_unique<Running>(runtime.shard(i), log, [&make_task, i] { return make_task(i); }));
  }
}

}  // namespace bulkhead::app

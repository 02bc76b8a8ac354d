#include "src/net/shard.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "src/net/deadline_wheel.h"
#include "tests/testlib/shard_runner.h"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;
using testlib::ShardRunner;

TEST(Shard, RunsWhatIsPostedInOrder) {
  ShardRunner runner;
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) runner.shard().post([&seen, i] { seen.push_back(i); });
  runner.call([] {});
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(Shard, KnowsItsOwnThread) {
  ShardRunner runner{2};
  EXPECT_FALSE(runner.shard().is_current());
  bool is_own = false;
  bool is_other = true;
  runner.call([&] {
    is_own = runner.shard(0).is_current();
    is_other = runner.shard(1).is_current();
  });
  EXPECT_TRUE(is_own);
  EXPECT_FALSE(is_other);
}

TEST(Shard, LosesNothingThatManyThreadsPost) {
  ShardRunner runner;
  int count = 0;  // touched by the shard alone
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5000; ++i) runner.shard().post([&count] { ++count; });
      });
    }
  }
  runner.call([] {});
  EXPECT_EQ(count, 20000);
}

TEST(Shard, RunsPostedWorkBeforeItStops) {
  int count = 0;
  Runtime runtime{1};
  runtime.start();
  runtime.shard(0).post([&] { runtime.shard(0).post([&] { ++count; }); });
  runtime.stop();
  EXPECT_EQ(count, 1);
}

TEST(Shard, RunsDelayedWorkOnTheShard) {
  ShardRunner runner;
  std::promise<bool> is_on_shard;
  runner.call([&] { runner.shard().post_after(1ms, [&] { is_on_shard.set_value(runner.shard().is_current()); }); });
  EXPECT_TRUE(is_on_shard.get_future().get());
}

Task<bool> sleep_in(Shard& shard, TaskGroup& group, std::chrono::milliseconds delay) {
  co_return co_await shard.sleep(delay, group);
}

TEST(TaskGroup, SleepEndsTrueWhenTheTimeIsOver) {
  ShardRunner runner;
  EXPECT_TRUE(runner.run(sleep_in(runner.shard(), runner.group(), 1ms)));
}

Task<void> record_sleep(Shard& shard, TaskGroup& group, std::promise<bool>& outcome) {
  outcome.set_value(co_await shard.sleep(1h, group));
}

TEST(TaskGroup, CancelWakesASleeper) {
  ShardRunner runner;
  std::promise<bool> outcome;
  runner.spawn(record_sleep(runner.shard(), runner.group(), outcome));
  runner.call([&] {
    EXPECT_EQ(runner.group().size(), 1U);
    runner.group().cancel();
  });
  EXPECT_FALSE(outcome.get_future().get());
  runner.run(runner.group().join());
  EXPECT_EQ(runner.group().size(), 0U);
}

TEST(TaskGroup, SleepInACancelledGroupEndsAtOnce) {
  ShardRunner runner;
  runner.call([&] { runner.group().cancel(); });
  EXPECT_FALSE(runner.run(sleep_in(runner.shard(), runner.group(), 1h)));
}

TEST(TaskGroup, WakesAHookThatRegistersAfterCancel) {
  ShardRunner runner;
  int wakes = 0;
  runner.call([&] {
    runner.group().cancel();
    const TaskGroup::CancelHook hook{runner.group(), [&] { ++wakes; }};
  });
  EXPECT_EQ(wakes, 1);
}

TEST(TaskGroup, DoesNotWakeAHookThatIsGone) {
  ShardRunner runner;
  int wakes = 0;
  runner.call([&] {
    const TaskGroup::CancelHook kept{runner.group(), [&] { wakes += 1; }};
    {
      const TaskGroup::CancelHook gone{runner.group(), [&] { wakes += 100; }};
    }
    runner.group().cancel();
    runner.group().cancel();
  });
  EXPECT_EQ(wakes, 1);
}

Task<void> throw_something() {
  throw std::runtime_error{"boom"};
  co_return;
}

TEST(TaskGroup, LogsAnExceptionThatEscapes) {
  ShardRunner runner;
  runner.log().expect("boom");
  runner.spawn(throw_something());
  runner.run(runner.group().join());
  EXPECT_TRUE(runner.log().has("boom"));
}

Task<int> wait_for(Completion<int> completion) {
  co_return co_await completion.wait();
}

TEST(Completion, GivesAValueThatWasSetBefore) {
  ShardRunner runner;
  Completion<int> completion{runner.shard()};
  completion.set(7);
  EXPECT_EQ(runner.run(wait_for(completion)), 7);
}

TEST(Completion, GivesAValueThatIsSetAfter) {
  ShardRunner runner;
  Completion<int> completion{runner.shard()};
  // Posted behind the waiter on the same shard: the wait comes first for sure.
  std::jthread setter{[&runner, completion]() mutable {
    runner.call([] {});
    completion.set(8);
  }};
  EXPECT_EQ(runner.run(wait_for(completion)), 8);
}

Task<std::int64_t> sum_of_races(Shard& shard, BlockingPool& pool, int rounds) {
  std::int64_t sum = 0;
  for (int i = 0; i < rounds; ++i) {
    Completion<int> completion{shard};
    while (!pool.submit([completion, i]() mutable { completion.set(i); })) std::this_thread::yield();
    sum += co_await completion.wait();
    if (!shard.is_current()) co_return -1;
  }
  co_return sum;
}

TEST(Completion, LosesNoWakeUpWhenSetterAndWaiterRace) {
  ShardRunner runner;
  BlockingPool pool{2, 16};
  EXPECT_EQ(runner.run(sum_of_races(runner.shard(), pool, 5000)), 5000 * 4999 / 2);
}

TEST(Completion, LateSetterOutlivesTheWaiter) {
  ShardRunner runner;
  auto completion = std::make_unique<Completion<std::string>>(runner.shard());
  Completion<std::string> setter = *completion;
  completion.reset();
  setter.set("nobody waits");
}

TEST(BlockingPool, RefusesWorkWhenItsQueueIsFull) {
  std::promise<void> started, release;
  BlockingPool pool{1, 2};
  ASSERT_TRUE(pool.submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_FALSE(pool.submit([] {}));
  release.set_value();
}

TEST(BlockingPool, RunsWhatWasQueuedBeforeItDies) {
  std::atomic<int> count = 0;
  {
    BlockingPool pool{2, 100};
    for (int i = 0; i < 100; ++i) {
      while (!pool.submit([&] { ++count; })) std::this_thread::yield();
    }
  }
  EXPECT_EQ(count, 100);
}

Task<Result<int>> run_in_pool(Shard& shard, BlockingPool& pool) {
  auto work = [] { return 42; };
  co_return co_await pool.run(shard, work);
}

Task<Status> throw_in_pool(Shard& shard, BlockingPool& pool) {
  auto work = [] { throw std::runtime_error{"no such luck"}; };
  co_return co_await pool.run(shard, work);
}

TEST(BlockingPool, GivesTheResultOnTheShard) {
  ShardRunner runner;
  BlockingPool pool{1, 4};
  const auto result = runner.run(run_in_pool(runner.shard(), pool));
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 42);
}

TEST(BlockingPool, TurnsAnExceptionIntoAnError) {
  ShardRunner runner;
  BlockingPool pool{1, 4};
  const auto status = runner.run(throw_in_pool(runner.shard(), pool));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_NE(status.error().message.find("no such luck"), std::string::npos);
}

TEST(BlockingPool, AnswersUnavailableWhenFull) {
  ShardRunner runner;
  BlockingPool pool{1, 0};
  const auto result = runner.run(run_in_pool(runner.shard(), pool));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
}

struct CountingEntry final : DeadlineWheel::Entry {
  void expired() override { ++count; }
  int count = 0;
};

TEST(DeadlineWheel, ExpiresAtTheDeadlineAndAtMostOneTickLater) {
  const SteadyTime start{};
  for (const std::chrono::milliseconds delay :
       std::vector<std::chrono::milliseconds>{0ms, 1ms, 99ms, 100ms, 101ms, 5s, 51100ms, 51200ms, 51300ms, 300s}) {
    DeadlineWheel wheel{start};
    CountingEntry entry;
    wheel.insert(entry, start + delay);
    for (auto now = 0ms; now < delay; now += 50ms) wheel.advance(start + now);
    EXPECT_EQ(entry.count, 0) << delay.count();
    wheel.advance(start + delay + 2 * DeadlineWheel::kTick);
    EXPECT_EQ(entry.count, 1) << delay.count();
    EXPECT_TRUE(wheel.is_empty());
  }
}

TEST(DeadlineWheel, SurvivesALongPause) {
  const SteadyTime start{};
  DeadlineWheel wheel{start};
  CountingEntry soon, late;
  wheel.insert(soon, start + 1s);
  wheel.insert(late, start + 2h);
  wheel.advance(start + 1h);
  EXPECT_EQ(soon.count, 1);
  EXPECT_EQ(late.count, 0);
  late.unlink();
  wheel.advance(start + 3h);
  EXPECT_EQ(late.count, 0);
}

}  // namespace
}  // namespace bulkhead::net

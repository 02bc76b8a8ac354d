#include "src/queue/scheduler.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SchedulerTest : public testing::Test {
 protected:
  static TenantId tenant(int n) { return TenantId::from_bytes("tenant-" + std::to_string(100000000 + n)); }
  static LaneKey lane(int tenant_number, const std::string& site = "site") {
    return {tenant(tenant_number), IpAddress::v4({192, 0, 2, 1}), site};
  }
  Planned planned(LaneKey key) {
    Planned made;
    made.key = {MessageId::from_bytes("message" + std::to_string(100000000 + next_++)), 0};
    made.lane = std::move(key);
    made.due = UtcTime::min();
    made.expires_at = clock_.now() + hours{120};
    return made;
  }
  DeliveryKey add(Scheduler& scheduler, const LaneKey& key) {
    const Planned made = planned(key);
    scheduler.add(made);
    return made.key;
  }
  static std::vector<LaneKey> starts(Scheduler& scheduler) {
    std::vector<LaneKey> started;
    while (auto key = scheduler.next_start()) started.push_back(*key);
    return started;
  }

  testlib::ManualClock clock_;
  int next_ = 0;
};

TEST_F(SchedulerTest, HandsOutFirstComeFirstServed) {
  Scheduler scheduler{{}, clock_};
  const auto first = add(scheduler, lane(1));
  const auto second = add(scheduler, lane(1));
  EXPECT_EQ(scheduler.take(lane(1))->key, first);
  EXPECT_EQ(scheduler.take(lane(1))->key, second);
  EXPECT_FALSE(scheduler.take(lane(1)));
  EXPECT_FALSE(scheduler.take(lane(2)));
}

TEST_F(SchedulerTest, ABurstOpensOneWorkerForSoManyAndNotMoreThanTheLaneMayHave) {
  Scheduler scheduler{{}, clock_};
  for (const auto& [backlog, workers] :
       std::map<int, std::size_t>{{1, 1}, {5, 1}, {6, 2}, {20, 4}, {21, 5}, {5000, 20}}) {
    const LaneKey key = lane(backlog);
    for (int i = 0; i < backlog; ++i) add(scheduler, key);
    EXPECT_EQ(starts(scheduler).size(), workers) << backlog;
  }
}

TEST_F(SchedulerTest, NeverMoreWorkersThanTheShardMayHave) {
  SchedulerLimits limits;
  limits.workers = 7;
  Scheduler scheduler{limits, clock_};
  for (int i = 0; i < 100; ++i) add(scheduler, lane(i));
  EXPECT_EQ(starts(scheduler).size(), 7U);
  scheduler.worker_ended(lane(0));
  EXPECT_EQ(starts(scheduler).size(), 1U);
}

TEST_F(SchedulerTest, TenantsTakeTurnsWhateverTheirBacklog) {
  SchedulerLimits limits;
  limits.workers = 6;
  Scheduler scheduler{limits, clock_};
  for (int i = 0; i < 10000; ++i) add(scheduler, lane(1, "site" + std::to_string(i % 50)));
  add(scheduler, lane(2));
  add(scheduler, lane(3));
  std::map<TenantId, int> workers;
  for (const auto& key : starts(scheduler)) ++workers[key.tenant];
  EXPECT_EQ(workers[tenant(2)], 1);
  EXPECT_EQ(workers[tenant(3)], 1);
  EXPECT_EQ(workers[tenant(1)], 4);
}

TEST_F(SchedulerTest, ATenantAboveItsShareGivesAWorkerBackToOneThatWaits) {
  SchedulerLimits limits;
  limits.workers = 4;
  limits.workers_per_lane = 4;
  Scheduler scheduler{limits, clock_};
  for (int i = 0; i < 1000; ++i) add(scheduler, lane(1));
  EXPECT_EQ(starts(scheduler).size(), 4U);
  EXPECT_TRUE(scheduler.take(lane(1)));
  add(scheduler, lane(2));
  EXPECT_TRUE(starts(scheduler).empty());
  EXPECT_FALSE(scheduler.take(lane(1))) << "this worker must end for the other tenant";
  EXPECT_FALSE(scheduler.take(lane(1))) << "however often it asks";
  scheduler.worker_ended(lane(1));
  const auto started = starts(scheduler);
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0].tenant, tenant(2));
  EXPECT_TRUE(scheduler.take(lane(1))) << "one was enough";
}

TEST_F(SchedulerTest, ScheduledBecomesReadyAtItsTimeAndNotBefore) {
  Scheduler scheduler{{}, clock_};
  const auto key = add(scheduler, lane(1));
  ASSERT_TRUE(scheduler.take(lane(1)));
  ASSERT_TRUE(scheduler.reschedule(key, 1, clock_.now() + seconds{300}));
  EXPECT_EQ(scheduler.counts().scheduled, 1U);
  clock_.advance(seconds{300} - std::chrono::microseconds{1});
  scheduler.run_timers();
  EXPECT_FALSE(scheduler.take(lane(1)));
  clock_.advance(std::chrono::microseconds{1});
  scheduler.run_timers();
  const auto taken = scheduler.take(lane(1));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->attempts, 1);
  EXPECT_TRUE(taken->has_record);
}

TEST_F(SchedulerTest, HoldingALaneIsOneStepForAllOfItAndReleasingToo) {
  Scheduler scheduler{{}, clock_};
  for (int i = 0; i < 1000; ++i) add(scheduler, lane(1));
  const auto taken = scheduler.take(lane(1));
  ASSERT_TRUE(scheduler.hold_lane(taken->key, "no address"));
  EXPECT_EQ(scheduler.counts(), (StateCounts{.held = 1000}));
  EXPECT_EQ(scheduler.counts(tenant(1)), (StateCounts{.held = 1000}));
  add(scheduler, lane(1));
  EXPECT_EQ(scheduler.counts().held, 1001U);
  EXPECT_FALSE(scheduler.take(lane(1)));
  EXPECT_TRUE(starts(scheduler).empty());
  EXPECT_EQ(scheduler.release_held(), 1U);
  scheduler.run_timers();
  EXPECT_EQ(scheduler.counts(), (StateCounts{.ready = 1001}));
  EXPECT_EQ(scheduler.released().size(), 1U);
  EXPECT_EQ(scheduler.take(lane(1))->key, taken->key) << "first come, first served";
}

TEST_F(SchedulerTest, ManyHeldLanesAreReleasedWithinASecondAndNotAllAtOnce) {
  Scheduler scheduler{{}, clock_};
  for (int i = 0; i < 5000; ++i) {
    const auto key = add(scheduler, lane(i));
    ASSERT_TRUE(scheduler.take(lane(i)));
    ASSERT_TRUE(scheduler.hold_lane(key, "no address"));
  }
  EXPECT_EQ(scheduler.release_held(), 5000U);
  scheduler.run_timers();
  EXPECT_LT(scheduler.counts().ready, 100U);
  EXPECT_GE(scheduler.counts().ready, 1U);
  clock_.advance(milliseconds{900});
  scheduler.run_timers();
  EXPECT_EQ(scheduler.counts().ready, 5000U);
}

TEST_F(SchedulerTest, ExpiresInEveryStateButActive) {
  Scheduler scheduler{{}, clock_};
  const auto active = add(scheduler, lane(1));
  ASSERT_TRUE(scheduler.take(lane(1)));
  add(scheduler, lane(2));  // ready
  const auto held = add(scheduler, lane(3));
  ASSERT_TRUE(scheduler.take(lane(3)));
  ASSERT_TRUE(scheduler.hold_lane(held, "no address"));
  const auto scheduled = add(scheduler, lane(4));
  ASSERT_TRUE(scheduler.take(lane(4)));
  ASSERT_TRUE(scheduler.reschedule(scheduled, 1, clock_.now() + hours{1000}));
  clock_.advance(hours{120} - seconds{1});
  scheduler.run_timers();
  EXPECT_FALSE(scheduler.next_overdue());
  clock_.advance(seconds{1});
  scheduler.run_timers();
  int expired = 0;
  while (const auto taken = scheduler.next_overdue()) {
    EXPECT_TRUE(taken->is_expired);
    EXPECT_TRUE(scheduler.finish(taken->key));
    ++expired;
  }
  EXPECT_EQ(expired, 3);
  ASSERT_TRUE(scheduler.put_back(active));
  scheduler.run_timers();
  EXPECT_TRUE(scheduler.next_overdue()) << "when its attempt has ended, its time is over too";
}

TEST_F(SchedulerTest, WarnsOnceAndGoesBackToWhatItWas) {
  Scheduler scheduler{{}, clock_};
  auto made = planned(lane(1));
  made.warn_at = clock_.now() + hours{4};
  made.due = clock_.now() + hours{10};
  scheduler.add(made);
  clock_.advance(hours{4});
  scheduler.run_timers();
  const auto taken = scheduler.next_overdue();
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->is_expired);
  ASSERT_TRUE(scheduler.warned(taken->key));
  EXPECT_EQ(scheduler.counts(), (StateCounts{.scheduled = 1}));
  clock_.advance(hours{5});
  scheduler.run_timers();
  EXPECT_FALSE(scheduler.next_overdue());
}

TEST_F(SchedulerTest, WorkersThatTakeNothingForAWhileGetHelp) {
  Scheduler scheduler{{}, clock_};
  add(scheduler, lane(1));
  add(scheduler, lane(1));
  EXPECT_EQ(starts(scheduler).size(), 1U);
  ASSERT_TRUE(scheduler.take(lane(1)));
  clock_.advance(seconds{2});
  scheduler.run_timers();
  EXPECT_TRUE(starts(scheduler).empty());
  clock_.advance(seconds{2});
  scheduler.run_timers();
  EXPECT_EQ(starts(scheduler).size(), 1U) << "the first is stuck, one message waits";
}

TEST_F(SchedulerTest, AWorkerThatGivesEverythingBackDoesNotSpin) {
  Scheduler scheduler{{}, clock_};
  const auto key = add(scheduler, lane(1));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(scheduler.take(lane(1)));
    ASSERT_TRUE(scheduler.put_back(key));
  }
  EXPECT_FALSE(scheduler.take(lane(1)));
  EXPECT_TRUE(starts(scheduler).empty());
  clock_.advance(seconds{1});
  scheduler.run_timers();
  EXPECT_EQ(starts(scheduler).size(), 1U);
  EXPECT_TRUE(scheduler.take(lane(1)));
}

TEST_F(SchedulerTest, EndingWhatIsNotActiveIsRefused) {
  Scheduler scheduler{{}, clock_};
  const auto key = add(scheduler, lane(1));
  EXPECT_FALSE(scheduler.finish(key));
  EXPECT_FALSE(scheduler.put_back(key));
  ASSERT_TRUE(scheduler.take(lane(1)));
  EXPECT_TRUE(scheduler.finish(key));
  EXPECT_FALSE(scheduler.finish(key));
}

TEST_F(SchedulerTest, AStoppedOneHandsOutNothing) {
  Scheduler scheduler{{}, clock_};
  add(scheduler, lane(1));
  scheduler.stop_starting();
  EXPECT_FALSE(scheduler.take(lane(1)));
  EXPECT_TRUE(starts(scheduler).empty());
}

TEST_F(SchedulerTest, ADeliveryTakesAtMost150BytesAndEmptyLanesGo) {
  Scheduler scheduler{{}, clock_};
  std::vector<DeliveryKey> keys;
  for (int i = 0; i < 100000; ++i) keys.push_back(add(scheduler, lane(i % 100)));
  EXPECT_LE(scheduler.memory_bytes() / keys.size(), 150U);
  for (int i = 0; i < 100000; ++i) {
    const auto taken = scheduler.take(lane(i % 100));
    ASSERT_TRUE(taken);
    ASSERT_TRUE(scheduler.finish(taken->key));
  }
  EXPECT_EQ(scheduler.size(), 0U);
  EXPECT_TRUE(starts(scheduler).empty());
  clock_.advance(seconds{2});
  scheduler.run_timers();
  EXPECT_EQ(scheduler.lanes(), 0U);
}

TEST_F(SchedulerTest, WhatCouldNotBeReadRestsHoweverLateItIs) {
  Scheduler scheduler{{}, clock_};
  auto made = planned(lane(1));
  made.warn_at = clock_.now() + hours{4};
  scheduler.add(made);
  for (const auto late : {hours{5}, hours{120}}) {  // a warning, then the expiry
    clock_.advance(late);
    scheduler.run_timers();
    const auto taken = scheduler.next_overdue();
    ASSERT_TRUE(taken);
    ASSERT_TRUE(scheduler.postpone(taken->key, clock_.now() + seconds{300}));
    scheduler.run_timers();
    EXPECT_FALSE(scheduler.next_overdue()) << "not within the same instant";
    clock_.advance(seconds{299});
    scheduler.run_timers();
    EXPECT_FALSE(scheduler.next_overdue());
    clock_.advance(seconds{1});
    scheduler.run_timers();
    const auto again = scheduler.next_overdue();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->is_expired, late == hours{120});
    scheduler.put_back(again->key);
  }
}

TEST_F(SchedulerTest, WhatRestsBecauseItCouldNotBeReadIsTriedWhenSomebodyAsks) {
  Scheduler scheduler{{}, clock_};
  const auto key = add(scheduler, lane(1));
  clock_.advance(hours{121});
  scheduler.run_timers();
  ASSERT_TRUE(scheduler.next_overdue());
  ASSERT_TRUE(scheduler.postpone(key, clock_.now() + seconds{300}));
  ASSERT_TRUE(scheduler.make_due(key));
  scheduler.run_timers();
  EXPECT_TRUE(scheduler.next_overdue());
}

}  // namespace
}  // namespace bulkhead::queue

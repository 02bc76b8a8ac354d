// Gates, pauses and holds of lanes and strands, without a store.

#include "tests/unit/queue/ordered_scheduler.h"

namespace bulkhead::queue {
namespace {

// Places at one site, as a limit on its connections would give them.
class Places final : public Gate {
 public:
  explicit Places(std::uint32_t limit) : limit_(limit) {}
  StartAnswer may_start(const StartRequest&) override {
    if (used_ == limit_) return {false, std::nullopt};
    ++used_;
    return {};
  }
  void worker_ended(const LaneKey&) override { --used_; }
  std::uint32_t used_ = 0;

 private:
  const std::uint32_t limit_;
};

TEST_F(OrderedScheduler, WhatWaitsForItsSiteIsScheduledUntilThen) {
  const auto key = add(1, lane(1));
  add(2, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  ASSERT_TRUE(scheduler_.pause(key, {Pause::Scope::kLane, seconds{60}, "site-backoff", "it rests"}));
  add(3, lane(1));
  EXPECT_EQ(scheduler_.counts(), StateCounts{.scheduled = 3});
  set({directive(1, DirectiveAction::kHold, 3)});
  sweep();
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.scheduled = 2, .held = 1}));
  clock_.advance(seconds{60});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.ready = 2, .held = 1}));
  EXPECT_EQ(scheduler_.counts(tenant(1)), scheduler_.counts());
}

TEST_F(OrderedScheduler, APauseThatIsSaidAgainAndAgainIsRememberedOnce) {
  Gate gate;
  scheduler_.set_gate(&gate);
  for (int i = 0; i < 3; ++i) add(1, lane(1));
  const auto before = scheduler_.memory_bytes();
  for (int i = 0; i < 70000; ++i) {
    const auto taken = scheduler_.take(lane(1));
    ASSERT_TRUE(taken);
    scheduler_.pause(taken->key, {Pause::Scope::kLane, seconds{i % 2 == 0 ? 60 : 3600}, "site-backoff", "it rests"});
    scheduler_.try_again([](const Lane&) { return true; });
  }
  EXPECT_LT(scheduler_.memory_bytes(), before + 1000);
  for (int i = 0; i < 3; ++i) scheduler_.finish(scheduler_.take(lane(1))->key);
  EXPECT_FALSE(scheduler_.next_start());
  clock_.advance(seconds{2});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.lanes(), 0U) << "and no waking keeps it";
}

TEST_F(OrderedScheduler, LanesThatFindNoPlaceAtTheirSiteTakeTurnsWhenOneComesFree) {
  Places places{2};
  scheduler_.set_gate(&places);
  for (int i = 0; i < 1000; ++i) add(1, lane(1));
  add(2, lane(2));
  add(3, lane(3));
  std::vector<LaneKey> started;
  while (auto key = scheduler_.next_start()) started.push_back(*key);
  ASSERT_EQ(started.size(), 2U);
  std::map<TenantId, int> later;
  for (int round = 0; round < 4; ++round) {
    scheduler_.worker_ended(started.front());
    started.erase(started.begin());
    while (auto key = scheduler_.next_start()) {
      started.push_back(*key);
      ++later[key->tenant];
    }
    EXPECT_EQ(places.used_, 2U);
  }
  EXPECT_GE(later[tenant(2)] + later[tenant(3)], 1) << "they had their turns";
  EXPECT_LE(later[tenant(1)], 3);
}

TEST_F(OrderedScheduler, AnAccountThatIsPausedLetsTheOthersOfItsLanePass) {
  const auto key = add(1, lane(1));
  add(1, lane(1));
  add(2, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  Pause pause{Pause::Scope::kAccount, seconds{60}, "limit", "500 in 1h"};
  ASSERT_TRUE(scheduler_.pause(key, pause));
  EXPECT_EQ(next(lane(1)), 2);
  EXPECT_EQ(next(lane(1)), -1);
  const auto status = scheduler_.find(key);
  ASSERT_TRUE(status);
  ASSERT_NE(status->block, nullptr);
  EXPECT_EQ(status->block->code, "limit");
  EXPECT_EQ(status->block->until, clock_.now() + seconds{60});
  const StateCounts while_paused{.active = 1, .scheduled = 2};
  EXPECT_EQ(scheduler_.counts(), while_paused) << "it waits for a time, nobody holds it";
  EXPECT_EQ(scheduler_.counts(tenant(1)), while_paused);
  EXPECT_EQ(state_word(*status), "scheduled");
  clock_.advance(seconds{60});
  scheduler_.run_timers();
  EXPECT_EQ(next(lane(1)), 1);
}

TEST_F(OrderedScheduler, APartOfAnAccountsMailThatIsPausedLetsTheRestOfItPass) {
  std::vector<DeliveryKey> all;
  for (int i = 0; i < 4; ++i) all.push_back(add(1, lane(1)));
  const auto pause_next = [this](std::chrono::seconds wait) {
    const auto taken = scheduler_.take(lane(1));
    EXPECT_TRUE(taken &&
                scheduler_.pause(taken->key, {Pause::Scope::kPart, wait, "reputation", "brand", "brand.test"}));
  };
  pause_next(seconds{15});
  pause_next(seconds{15});
  EXPECT_EQ(scheduler_.find(all[0])->block->reason, "brand");
  EXPECT_EQ(scheduler_.find(all[2])->block, nullptr) << "it waits for nothing but its turn";
  EXPECT_EQ(scheduler_.take(lane(1))->key, all[2]);
  EXPECT_EQ(scheduler_.take(lane(1))->key, all[3]);
  EXPECT_FALSE(scheduler_.take(lane(1)));
  clock_.advance(seconds{15});
  scheduler_.run_timers();
  pause_next(seconds{15});
  EXPECT_FALSE(scheduler_.take(lane(1))) << "one asks for all of the part";
  clock_.advance(seconds{15});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.take(lane(1))->key, all[0]) << "in their order";
  EXPECT_EQ(scheduler_.take(lane(1))->key, all[1]);
  for (const auto& key : all) EXPECT_TRUE(scheduler_.finish(key));
  EXPECT_EQ(scheduler_.counts(), StateCounts{});
  EXPECT_FALSE(scheduler_.next_start());
  clock_.advance(seconds{2});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.lanes(), 0U);
}

TEST_F(OrderedScheduler, ASuspendedAccountIsHeldUntilItIsReleased) {
  const auto key = add(1, lane(1));
  add(1, lane(1));
  add(2, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  Block block;
  block.code = "account-suspended";
  block.account = account(1);
  ASSERT_TRUE(scheduler_.hold_strand(key, std::move(block)));
  EXPECT_EQ(scheduler_.counts().held, 2U);
  EXPECT_EQ(next(lane(1)), 2);
  EXPECT_EQ(next(lane(1)), -1);
  const auto held = scheduler_.held_strands(10);
  ASSERT_EQ(held.size(), 1U);
  scheduler_.release_strand(held[0]);
  EXPECT_EQ(scheduler_.counts().held, 0U);
  EXPECT_EQ(next(lane(1)), 1);
}

TEST_F(OrderedScheduler, AHeldLaneIsTriedAgainAfterFiveMinutes) {
  const auto key = add(1, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  ASSERT_TRUE(scheduler_.hold_lane(key, "no IPv6 address"));
  for (int i = 0; i < 299; ++i) {
    clock_.advance(seconds{1});
    scheduler_.run_timers();
  }
  EXPECT_EQ(scheduler_.counts().held, 1U);
  clock_.advance(seconds{2});
  scheduler_.run_timers();
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.counts().held, 0U);
}

TEST_F(OrderedScheduler, ALimitThatIsGoneHoldsNobodyBack) {
  const auto key = add(1, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  ASSERT_TRUE(scheduler_.pause(key, {Pause::Scope::kAccount, hours{1}, "limit", "1 in 1h"}));
  add(1, lane(1));
  EXPECT_EQ(next(lane(1)), -1);
  scheduler_.lift_limit_pauses();
  const auto again = scheduler_.take(lane(1));
  ASSERT_TRUE(again);
  ASSERT_TRUE(scheduler_.pause(again->key, {Pause::Scope::kAccount, seconds{60}, "limit", "60 in 1h"}));
  clock_.advance(seconds{60});
  scheduler_.run_timers();
  EXPECT_EQ(next(lane(1)), 1) << "the shorter wait counts";
  clock_.advance(hours{2});
  scheduler_.run_timers();
}

TEST_F(OrderedScheduler, ALaneThatWaitsForALimitGoesOnWhenItIsGone) {
  const auto key = add(1, lane(1));
  const auto other = add(2, lane(2));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  ASSERT_TRUE(scheduler_.take(lane(2)));
  ASSERT_TRUE(scheduler_.pause(key, {Pause::Scope::kLane, hours{1}, "limit", "1 in 1h"}));
  ASSERT_TRUE(scheduler_.pause(other, {Pause::Scope::kLane, hours{1}, "site-backoff", "it does not answer"}));
  scheduler_.lift_limit_pauses();
  EXPECT_EQ(next(lane(1)), 1);
  EXPECT_EQ(next(lane(2)), -1);
}

}  // namespace
}  // namespace bulkhead::queue

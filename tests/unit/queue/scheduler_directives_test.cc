// Strands, gates and directives at the scheduler, without a store.

#include <map>

#include <gtest/gtest.h>

#include "src/queue/scheduler.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class OrderedScheduler : public testing::Test {
 protected:
  static TenantId tenant(int n) { return TenantId::from_bytes("tenant-" + std::to_string(100000000 + n)); }
  static LaneKey lane(int tenant_number, const std::string& site = "site") {
    return {tenant(tenant_number), IpAddress::v4({192, 0, 2, 1}), site};
  }
  static AccountId account(int n) { return AccountId::from_bytes("account" + std::to_string(100000000 + n)); }

  DeliveryKey add(int account_number, const LaneKey& key, std::uint32_t epoch = 0) {
    Planned made;
    made.key = {MessageId::from_bytes("message" + std::to_string(100000000 + next_++)), 0};
    made.lane = key;
    made.is_sole = true;
    made.due = UtcTime::min();
    made.expires_at = clock_.now() + hours{120};
    made.keys.account = hash_.of_account(account(account_number));
    made.keys.sender = hash_(AttributeKind::kSender, "s" + std::to_string(account_number) + "@x.test");
    made.keys.domain = hash_(AttributeKind::kDomain, "to.test");
    made.epoch = epoch;
    scheduler_.add(made);
    owner_[made.key] = account_number;
    return made.key;
  }
  Directive directive(std::uint32_t number, DirectiveAction action, int account_number, bool and_future = false) {
    Directive made;
    made.number = number;
    made.action = action;
    made.and_future = and_future;
    made.selector.account_id = account(account_number);
    made.given_at = clock_.now();
    return made;
  }
  void set(std::vector<Directive> directives) {
    scheduler_.set_directives(
        std::make_shared<const DirectiveSet>(std::move(directives), hash_, DirectiveSet::SourceOf{}));
  }
  void sweep() {
    while (scheduler_.is_sweeping()) EXPECT_TRUE(scheduler_.sweep(7).empty());
  }
  // The owner of what is handed out next in the lane, -1 for nothing.
  int next(const LaneKey& key) {
    const auto taken = scheduler_.take(key);
    return taken ? owner_.at(taken->key) : -1;
  }

  testlib::ManualClock clock_;
  AttributeHash hash_;
  Scheduler scheduler_{{}, clock_, hash_};
  std::map<DeliveryKey, int> owner_;
  int next_ = 0;
};

TEST_F(OrderedScheduler, AccountsOfALaneTakeTurnsWhateverTheirBacklog) {
  for (int i = 0; i < 1000; ++i) add(1, lane(1));
  for (int i = 0; i < 3; ++i) add(2, lane(1));
  add(3, lane(1));
  std::map<int, int> among_first;
  for (int i = 0; i < 7; ++i) ++among_first[next(lane(1))];
  EXPECT_EQ(among_first[2], 3);
  EXPECT_EQ(among_first[3], 1);
  EXPECT_EQ(among_first[1], 3);
}

TEST_F(OrderedScheduler, AHoldIsInForceBeforeTheSweepHasCome) {
  for (int i = 0; i < 100; ++i) add(1, lane(1));
  add(2, lane(1));
  set({directive(1, DirectiveAction::kHold, 1)});
  EXPECT_EQ(next(lane(1)), 2);
  EXPECT_EQ(next(lane(1)), -1);
}

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

TEST_F(OrderedScheduler, AWorkerPutsNoWholeLaneAside) {
  for (int i = 0; i < 5000; ++i) add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1)});
  EXPECT_EQ(next(lane(1)), -1);
  EXPECT_GT(scheduler_.counts().held, 0U);
  EXPECT_LT(scheduler_.counts().held, 2000U) << "that is the sweep's work, which gives others their turns";
  EXPECT_FALSE(scheduler_.next_start()) << "the lane rests";
  sweep();
  EXPECT_EQ(scheduler_.counts().held, 5000U);
  add(2, lane(1));
  clock_.advance(milliseconds{10});
  scheduler_.run_timers();
  EXPECT_TRUE(scheduler_.next_start());
  EXPECT_EQ(next(lane(1)), 2);
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

TEST_F(OrderedScheduler, AHoldMeansWhatCameBeforeItAndWithFutureWhatFollows) {
  add(1, lane(1), 0);
  set({directive(1, DirectiveAction::kHold, 1)});
  sweep();
  EXPECT_EQ(scheduler_.counts().held, 1U);
  add(1, lane(1), 1);
  EXPECT_EQ(next(lane(1)), 1) << "accepted after it";
  set({directive(2, DirectiveAction::kHold, 1, true)});
  sweep();
  add(1, lane(1), 2);
  EXPECT_EQ(next(lane(1)), -1);
  EXPECT_EQ(scheduler_.counts().held, 2U);
}

TEST_F(OrderedScheduler, TheLastOfHoldAndReleaseWins) {
  add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1), directive(2, DirectiveAction::kRelease, 1)});
  sweep();
  EXPECT_EQ(next(lane(1)), 1);
  add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1), directive(2, DirectiveAction::kRelease, 1),
       directive(3, DirectiveAction::kHold, 1)});
  sweep();
  EXPECT_EQ(next(lane(1)), -1);
}

TEST_F(OrderedScheduler, WhatIsHeldDoesNotExpireAndHasTimeAfterItsRelease) {
  add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1)});
  sweep();
  clock_.advance(hours{24 * 30});
  scheduler_.run_timers();
  EXPECT_FALSE(scheduler_.next_overdue());
  set({});
  sweep();
  scheduler_.run_timers();
  EXPECT_FALSE(scheduler_.next_overdue()) << "it would expire before its attempt";
  EXPECT_EQ(scheduler_.counts().ready, 1U);
  EXPECT_EQ(next(lane(1)), 1);
}

TEST_F(OrderedScheduler, ReleasedMailGoesOnOneAfterTheOther) {
  for (int i = 0; i < 500; ++i) add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1)});
  sweep();
  set({});
  sweep();
  EXPECT_EQ(scheduler_.counts().ready, 20U) << "as many as a lane has connections";
  EXPECT_EQ(scheduler_.counts().scheduled, 480U);
  clock_.advance(seconds{1});
  scheduler_.run_timers();
  EXPECT_NEAR(scheduler_.counts().ready, 100U, 2U);
  clock_.advance(seconds{4});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.counts().ready, 500U);
}

TEST_F(OrderedScheduler, PurgedMailIsCountedNoMoreAndHandedOutForRemoval) {
  for (int i = 0; i < 10; ++i) add(1, lane(1));
  add(2, lane(1));
  EXPECT_EQ(scheduler_.tally(hash_.of_account(account(1))).messages, 10U);
  EXPECT_EQ(next(lane(1)), 1);
  set({directive(1, DirectiveAction::kPurge, 1)});
  sweep();
  EXPECT_EQ(scheduler_.tally(hash_.of_account(account(1))).deliveries, 1U) << "the active one";
  EXPECT_EQ(scheduler_.counts().ready, 1U);
  EXPECT_EQ(scheduler_.progress(1).marked, 9U);
  EXPECT_EQ(scheduler_.progress(1).active, 1U);
  EXPECT_EQ(next(lane(1)), 2);
  EXPECT_EQ(next(lane(1)), -1);
  EXPECT_EQ(scheduler_.take_doomed(DirectiveAction::kBounce, 100).size(), 0U);
  const auto doomed = scheduler_.take_doomed(DirectiveAction::kPurge, 100);
  EXPECT_EQ(doomed.size(), 9U);
  for (const auto& one : doomed) EXPECT_TRUE(scheduler_.finish_purged(one.key));
  EXPECT_EQ(scheduler_.size(), 2U);
}

TEST_F(OrderedScheduler, AnAttemptThatFailsForNowMeetsTheDirective) {
  const auto key = add(1, lane(1));
  EXPECT_EQ(next(lane(1)), 1);
  set({directive(1, DirectiveAction::kPurge, 1)});
  sweep();
  ASSERT_TRUE(scheduler_.reschedule(key, 1, clock_.now() + seconds{300}));
  EXPECT_EQ(scheduler_.counts().total(), 0U);
  EXPECT_EQ(scheduler_.take_doomed(DirectiveAction::kPurge, 100).size(), 1U);
}

TEST_F(OrderedScheduler, PurgeWinsOverHoldAndOverReleaseAfterIt) {
  add(1, lane(1));
  set({directive(1, DirectiveAction::kHold, 1), directive(2, DirectiveAction::kPurge, 1),
       directive(3, DirectiveAction::kRelease, 1), directive(4, DirectiveAction::kBounce, 1)});
  sweep();
  EXPECT_EQ(scheduler_.take_doomed(DirectiveAction::kPurge, 100).size(), 1U);
}

TEST_F(OrderedScheduler, CombinedSelectorsMeanWhatAllOfThemMean) {
  add(1, lane(1, "a"));
  add(1, lane(1, "b"));
  Directive both = directive(1, DirectiveAction::kHold, 1);
  both.selector.site = "B";
  set({both});
  sweep();
  EXPECT_EQ(next(lane(1, "a")), 1);
  EXPECT_EQ(next(lane(1, "b")), -1);
}

TEST_F(OrderedScheduler, WhatOnlyTheMessageTellsIsAskedFor) {
  const auto key = add(1, lane(1));
  Directive subject = directive(1, DirectiveAction::kHold, 1);
  subject.selector.subject = "lottery";
  set({subject});
  const auto unsure = scheduler_.sweep(100);
  ASSERT_EQ(unsure.size(), 1U);
  EXPECT_EQ(scheduler_.counts().held, 0U);
  Message message;
  message.account = account(1);
  message.subject = "You won the Lottery";
  message.recipients.resize(1);
  const std::vector<std::uint16_t> pending{0};
  message.sender.address = mail::Address{"s1", "x.test"};
  EXPECT_TRUE(scheduler_.apply(key, scheduler_.judge(key, &message, &pending)));
  EXPECT_EQ(scheduler_.counts().held, 1U);
}

TEST_F(OrderedScheduler, WhatComesBackUntriedIsWaitedForUntilItsMessageIsRead) {
  const auto key = add(1, lane(1));
  ASSERT_TRUE(scheduler_.take(lane(1)));
  Directive subject = directive(1, DirectiveAction::kHold, 1);
  subject.selector.subject = "lottery";
  set({subject});
  EXPECT_EQ(scheduler_.sweep(100), std::vector{key});
  EXPECT_EQ(scheduler_.progress(1).active, 1U);
  ASSERT_TRUE(scheduler_.put_back(key));
  EXPECT_EQ(scheduler_.progress(1).active, 1U) << "nobody has looked at it";
  EXPECT_EQ(scheduler_.take_unsure(10), std::vector{key});
  Message message;
  message.account = account(1);
  message.subject = "You won the Lottery";
  message.sender.address = mail::Address{"s1", "x.test"};
  message.recipients.resize(1);
  scheduler_.judge_read(key, message, {0});
  EXPECT_EQ(scheduler_.progress(1).active, 0U);
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.held = 1}));
}

TEST_F(OrderedScheduler, WhatIsHandedOutAfterAnOrderIsNotWaitedFor) {
  add(1, lane(1));
  const auto both = directive(2, DirectiveAction::kRelease, 1);
  set({directive(1, DirectiveAction::kHold, 1), both});
  sweep();
  ASSERT_TRUE(scheduler_.take(lane(1)));
  set({directive(1, DirectiveAction::kHold, 1), both});
  sweep();
  EXPECT_EQ(scheduler_.progress(1).active, 0U);
  set({directive(1, DirectiveAction::kHold, 1), both, directive(3, DirectiveAction::kHold, 1)});
  sweep();
  EXPECT_EQ(scheduler_.progress(3).active, 1U);
}

TEST_F(OrderedScheduler, ManyThatOnlyTheirMessagesJudgeAreLeftToASweep) {
  Directive subject = directive(1, DirectiveAction::kHold, 1, true);
  subject.selector.subject = "lottery";
  set({subject});
  for (int i = 0; i < 10001; ++i) add(1, lane(1), 1);
  EXPECT_FALSE(scheduler_.is_sweeping());
  EXPECT_EQ(scheduler_.take_unsure(20000).size(), 10000U);
  EXPECT_TRUE(scheduler_.is_sweeping());
  EXPECT_FALSE(scheduler_.has_unsure());
}

TEST_F(OrderedScheduler, AnIdIsHeldAlone) {
  add(1, lane(1));
  const auto key = add(1, lane(1));
  Directive one;
  one.number = 1;
  one.action = DirectiveAction::kHold;
  one.selector.id = key.message;
  set({one});
  sweep();
  EXPECT_EQ(scheduler_.find(key)->directive, 1U);
  EXPECT_EQ(scheduler_.counts().held, 1U);
}

TEST_F(OrderedScheduler, CountersAgreeWithWhatIsThereAndLeaveNothingBehind) {
  for (int i = 0; i < 300; ++i) add(i % 3, lane(i % 2), 0);
  set({directive(1, DirectiveAction::kHold, 0), directive(2, DirectiveAction::kPurge, 1)});
  sweep();
  for (const auto& doomed : scheduler_.take_doomed(DirectiveAction::kPurge, 1000)) scheduler_.finish_purged(doomed.key);
  EXPECT_EQ(scheduler_.size(), 200U);
  EXPECT_EQ(scheduler_.counts().held, 100U);
  set({directive(3, DirectiveAction::kPurge, 0), directive(4, DirectiveAction::kPurge, 2)});
  sweep();
  for (const auto& doomed : scheduler_.take_doomed(DirectiveAction::kPurge, 1000)) scheduler_.finish_purged(doomed.key);
  EXPECT_EQ(scheduler_.size(), 0U);
  EXPECT_EQ(scheduler_.counts(), StateCounts{});
  EXPECT_FALSE(scheduler_.next_start());
  for (int i = 0; i < 2; ++i) {
    clock_.advance(seconds{2});
    scheduler_.run_timers();
  }
  clock_.advance(seconds{2});
  scheduler_.run_timers();
  EXPECT_EQ(scheduler_.lanes(), 0U);
  EXPECT_EQ(scheduler_.attributes().size(), 0U);
}

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

TEST_F(OrderedScheduler, AnExceptionThatOnlyTheMessageTellsOutlivesAnAttempt) {
  const auto key = add(1, lane(1));
  auto release = directive(2, DirectiveAction::kRelease, 1);
  release.selector.recipient = "x@to.test";
  add(1, lane(1));  // held
  set({directive(1, DirectiveAction::kHold, 1, true), release});
  Message message;
  message.id = key.message;
  message.account = account(1);
  message.recipients.emplace_back().recipient.address = {"x", "to.test"};
  const std::vector<std::uint16_t> pending{0};
  Message other = message;
  other.recipients[0].recipient.address = {"y", "to.test"};
  while (scheduler_.is_sweeping()) {
    for (const auto& unsure : scheduler_.sweep(7)) {
      scheduler_.apply(unsure, scheduler_.judge(unsure, unsure == key ? &message : &other, &pending));
    }
  }
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.ready = 1, .held = 1}));
  const auto taken = scheduler_.take(lane(1));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->key, key);
  ASSERT_TRUE(scheduler_.reschedule(key, 1, clock_.now() + hours{1}));
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.scheduled = 1, .held = 1}));
  EXPECT_EQ(scheduler_.take_unsure(10), std::vector{key}) << "its message is looked at again";
  EXPECT_FALSE(scheduler_.has_unsure());
  EXPECT_FALSE(scheduler_.apply(key, scheduler_.judge(key, &message, &pending)));
  EXPECT_EQ(scheduler_.counts(), (StateCounts{.scheduled = 1, .held = 1}));
}

}  // namespace
}  // namespace bulkhead::queue

// Strands and directives at the scheduler, without a store.

#include "tests/unit/queue/ordered_scheduler.h"

namespace bulkhead::queue {
namespace {

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

TEST_F(OrderedScheduler, AfterARestartAHoldOfWhatIsScheduledHoldsWhatMayHaveWaitedForALimit) {
  add(1, lane(1));
  clock_.advance(seconds{1});
  auto hold = directive(1, DirectiveAction::kHold, 1);
  hold.selector.state = "scheduled";
  set({hold});
  sweep();
  EXPECT_EQ(scheduler_.counts().held, 0U) << "it is due, and nothing paces it";
  hold.is_restored = true;
  set({hold});
  sweep();
  EXPECT_EQ(scheduler_.counts().held, 1U) << "nobody knows any more";
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

#include "src/webhook/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::webhook {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct WebhookPlan : ::testing::Test {
  static EndpointId endpoint(char c) { return EndpointId::from_bytes(std::string(16, c)); }
  std::uint64_t add(char id) {
    const auto place = plan.add(endpoint(id));
    if (!place) return 0;
    plan.stored(endpoint(id), place->number);
    return place->number;
  }
  std::vector<Turn> due(std::size_t most = 10) { return plan.take_due(most); }
  Plan::Verdict post(Outcome outcome, std::string why = "it answered 500") {
    const auto turns = due();
    if (turns.size() != 1) ADD_FAILURE() << turns.size() << " are due";
    return turns.empty() ? Plan::Verdict::kRemove : plan.done(turns.front(), outcome, std::move(why));
  }
  testlib::ManualClock clock;
  SeededRandom random{1};
  Plan plan{clock, random};
};

TEST_F(WebhookPlan, TellsNobodyWhoIsNotThere) {
  EXPECT_FALSE(plan.add(endpoint('a')));
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(WebhookPlan, KeepsTheOrderOfAnEndpointAndPostsOneAtATime) {
  plan.open(endpoint('a'));
  add('a');
  add('a');
  const auto first = due();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].number, 1U);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(plan.done(first[0], Outcome::kTaken, {}), Plan::Verdict::kRemove);
  const auto second = due();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].number, 2U);
}

TEST_F(WebhookPlan, PostsNothingThatIsNotStored) {
  plan.open(endpoint('a'));
  const auto place = plan.add(endpoint('a'));
  EXPECT_THAT(due(), IsEmpty());
  plan.stored(endpoint('a'), place->number);
  EXPECT_THAT(due(), SizeIs(1));
}

TEST_F(WebhookPlan, TriesTenTimesWithGrowingGapsThenTheNextHasItsTurn) {
  plan.open(endpoint('a'));
  add('a');
  add('a');
  for (const std::chrono::milliseconds gap : Plan::kGaps) {
    EXPECT_EQ(post(Outcome::kFailed), Plan::Verdict::kAgain);
    clock.advance(gap * 89 / 100);
    EXPECT_THAT(due(), IsEmpty());
    clock.advance(gap * 22 / 100);
  }
  EXPECT_EQ(post(Outcome::kFailed), Plan::Verdict::kGivenUp);
  const auto next = due();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].number, 2U);
}

TEST_F(WebhookPlan, AFailureOfOneHoldsUpNoOther) {
  plan.open(endpoint('a'));
  plan.open(endpoint('b'));
  add('a');
  add('b');
  const auto turns = due();
  ASSERT_THAT(turns, SizeIs(2));
  plan.done(turns[0], Outcome::kFailed, "no");
  plan.done(turns[1], Outcome::kTaken, {});
  add('b');
  const auto next = due();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].endpoint, endpoint('b'));
}

TEST_F(WebhookPlan, EndpointsTakeTurns) {
  for (const char id : {'a', 'b', 'c'}) {
    plan.open(endpoint(id));
    add(id);
    add(id);
  }
  std::string order;
  for (int i = 0; i < 6; ++i) {
    const auto turns = due(1);
    ASSERT_THAT(turns, SizeIs(1));
    order += turns[0].endpoint.bytes().front();
    plan.done(turns[0], Outcome::kTaken, {});
  }
  EXPECT_EQ(order, "abcabc");
}

TEST_F(WebhookPlan, TheOldestMakesRoomForTheNewest) {
  plan.open(endpoint('a'));
  for (std::uint64_t i = 0; i < Plan::kWaitingMax; ++i) {
    const auto place = plan.add(endpoint('a'));
    EXPECT_FALSE(place->dropped);
    plan.stored(endpoint('a'), place->number);
  }
  const auto turns = due();  // number 1 is under way
  const auto place = plan.add(endpoint('a'));
  EXPECT_EQ(place->dropped, std::optional<std::uint64_t>{1});
  EXPECT_EQ(plan.waiting(), Plan::kWaitingMax);
  EXPECT_EQ(plan.done(turns[0], Outcome::kTaken, {}), Plan::Verdict::kRemove);
  EXPECT_EQ(due()[0].number, 2U);
}

TEST_F(WebhookPlan, AnEndpointThatIsGoneHearsNothingMoreUntilItIsSetAnew) {
  plan.open(endpoint('a'));
  add('a');
  add('a');
  EXPECT_EQ(post(Outcome::kGone, "it answered 410"), Plan::Verdict::kSwitchedOff);
  EXPECT_FALSE(plan.takes(endpoint('a')));
  EXPECT_EQ(plan.waiting(), 0U);
  EXPECT_EQ(add('a'), 0U);
  EXPECT_TRUE(plan.view(endpoint('a'))->is_off);
  plan.open(endpoint('a'));
  EXPECT_NE(add('a'), 0U);
  EXPECT_THAT(due(), SizeIs(1));
}

TEST_F(WebhookPlan, OneThatIsSetAnewIsTriedAtOnceWithWhatWaits) {
  plan.open(endpoint('a'));
  add('a');
  post(Outcome::kFailed);
  EXPECT_THAT(due(), IsEmpty());
  plan.open(endpoint('a'));
  EXPECT_THAT(due(), SizeIs(1));
}

TEST_F(WebhookPlan, AnAnswerToAPostOfBeforeThatDoesNoHarm) {
  plan.open(endpoint('a'));
  add('a');
  const auto old = due();
  plan.open(endpoint('a'));
  EXPECT_EQ(plan.done(old[0], Outcome::kGone, {}), Plan::Verdict::kAgain);
  EXPECT_TRUE(plan.takes(endpoint('a')));
  plan.close(endpoint('a'));
  EXPECT_EQ(plan.done(old[0], Outcome::kTaken, {}), Plan::Verdict::kRemove);
}

TEST_F(WebhookPlan, ShowsWhatFailsSinceWhen) {
  plan.open(endpoint('a'));
  add('a');
  const auto began = clock.now();
  post(Outcome::kFailed);
  clock.advance(seconds{10});
  post(Outcome::kFailed, "it answered 502");
  const auto view = plan.view(endpoint('a'));
  EXPECT_EQ(view->failures, 2U);
  EXPECT_EQ(view->trouble, "it answered 502");
  EXPECT_EQ(view->failing_since, began);
  EXPECT_EQ(view->next_at, plan.next_time());
  EXPECT_EQ(plan.failing(), 1U);
  clock.advance(minutes{6});
  post(Outcome::kTaken);
  EXPECT_EQ(plan.failing(), 0U);
  EXPECT_EQ(plan.view(endpoint('a'))->trouble, "");
}

TEST_F(WebhookPlan, GoesOnWhereAnEarlierLifeHasEnded) {
  plan.open(endpoint('a'));
  for (const std::uint64_t number : {17U, 18U, 20U}) plan.restore(endpoint('a'), number);
  const auto turns = due();
  ASSERT_THAT(turns, SizeIs(1));
  EXPECT_EQ(turns[0].number, 17U);
  plan.done(turns[0], Outcome::kTaken, {});
  EXPECT_EQ(post(Outcome::kTaken), Plan::Verdict::kRemove);    // 18
  EXPECT_EQ(post(Outcome::kMissing), Plan::Verdict::kRemove);  // 19, which was never stored
  EXPECT_EQ(post(Outcome::kTaken), Plan::Verdict::kRemove);    // 20
  EXPECT_EQ(add('a'), 21U);
}

}  // namespace
}  // namespace bulkhead::webhook

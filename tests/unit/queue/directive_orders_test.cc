// Which orders stand beside which, which are not kept, and how many there may be.

#include "tests/unit/queue/orders_world.h"

namespace bulkhead::queue {
namespace {

class Orders : public testing::Test {
 protected:
  // Until the stored queue is known nothing is said to mean nothing.
  void SetUp() override {
    ASSERT_TRUE(world_.eventually([&] { return world_.queue().is_loaded(); }));
  }
  static DirectiveOrder order(DirectiveAction action, Selector selector, std::string by) {
    DirectiveOrder made;
    made.action = action;
    made.selector = std::move(selector);
    made.and_future = true;
    made.by = std::move(by);
    return made;
  }
  Selector whole() const {
    Selector selector;
    selector.tenant = world_.tenant;
    return selector;
  }
  Selector of_bad() const {
    Selector selector = of_account("bad@x.test");
    selector.tenant = world_.tenant;
    return selector;
  }
  void end(DirectiveId id) {
    DirectiveOrder made;
    made.ends = id;
    made.by = "operator root";
    world_.direct(std::move(made));
  }
  std::uint64_t held() { return world_.counts().held; }

  testlib::FakeStore store_;
  Doors doors_;
  QueueWorld world_{store_, doors_.script()};
};

TEST_F(Orders, AWiderHoldOfSomebodyElseLeavesTheNarrowerOneInForce) {
  fill(world_, "bad@x.test", 2);
  fill(world_, "good@x.test", 3);
  for (const auto& [narrow, wide] :
       {std::pair{"tenant 1 anna", "operator root"}, std::pair{"operator root", "tenant 1 anna"}}) {
    const auto own = world_.direct(order(DirectiveAction::kHold, of_bad(), narrow));
    const auto wider = world_.direct(order(DirectiveAction::kHold, whole(), wide));
    EXPECT_TRUE(wider.overridden.empty());
    EXPECT_TRUE(world_.eventually([&] { return held() == 5; }));
    end(wider.id);
    EXPECT_TRUE(world_.eventually([&] { return held() == 2 && world_.counts().scheduled == 3; }));
    EXPECT_TRUE(world_.eventually([&] { return world_.directives().at(0).progress.held == 2; }));
    end(own.id);
    EXPECT_TRUE(world_.eventually([&] { return held() == 0; }));
  }
}

TEST_F(Orders, AWiderHoldOfTheSameGiverTakesThePlaceOfTheNarrowerOneAndSaysSo) {
  world_.direct(order(DirectiveAction::kHold, of_bad(), "tenant 1 anna"));
  EXPECT_EQ(world_.direct(order(DirectiveAction::kHold, whole(), "tenant 1 anna")).overridden.size(), 1U);
  EXPECT_EQ(world_.directives().size(), 1U);
  world_.direct(order(DirectiveAction::kHold, of_bad(), "operator root"));
  EXPECT_EQ(world_.direct(order(DirectiveAction::kRelease, whole(), "operator root")).overridden.size(), 2U)
      << "a release lets go whatever it covers";
}

TEST_F(Orders, ADryRunOfAReleaseCountsWhatItWouldLetGo) {
  fill(world_, "bad@x.test", 2);
  fill(world_, "good@x.test", 3);
  world_.direct(order(DirectiveAction::kHold, of_account("bad@x.test"), "operator root"));
  ASSERT_TRUE(world_.eventually([&] { return held() == 2; }));
  auto release = order(DirectiveAction::kRelease, whole(), "operator root");
  release.is_dry_run = true;
  for (const bool is_by_subject : {false, true}) {
    if (is_by_subject) release.selector.subject = "subject";
    const auto answer = world_.direct(release);
    EXPECT_EQ(answer.deliveries, 2U);
    EXPECT_EQ(answer.messages, 2U);
    EXPECT_EQ(answer.samples.size(), 2U);
  }
}

TEST_F(Orders, WhatMeansNothingAndNothingThatFollowsIsNotKept) {
  fill(world_, "bad@x.test", 2);
  Selector nowhere, nobody, unmatched;
  nowhere.site = "site-of-nowhere.test";
  nobody.client_ip = IpAddress::v4({203, 0, 113, 77});
  unmatched.recipient = "nobody@to1.test";
  for (const auto& selector : {nowhere, nobody, unmatched}) {
    for (const auto action : {DirectiveAction::kHold, DirectiveAction::kPurge}) {
      auto given = order(action, selector, "operator root");
      given.and_future = false;
      const auto answer = world_.direct(given);
      EXPECT_TRUE(answer.is_void) << text_of(selector);
      EXPECT_TRUE(answer.id.is_nil());
      EXPECT_TRUE(world_.directives().empty());
      EXPECT_EQ(keys_with(store_, 'x'), 0U);
    }
  }
  const auto kept = world_.direct(order(DirectiveAction::kHold, nowhere, "operator root"));
  EXPECT_FALSE(kept.is_void);
  EXPECT_EQ(world_.directives().size(), 1U);
}

TEST_F(Orders, AReleaseIsKeptOnlyAsAnExceptionFromAHoldThatIsInForce) {
  const auto release = order(DirectiveAction::kRelease, of_account("good@x.test"), "operator root");
  EXPECT_TRUE(world_.direct(release).is_void) << "nothing is held";
  EXPECT_TRUE(world_.directives().empty());
  world_.direct(order(DirectiveAction::kHold, whole(), "operator root"));
  const auto exception = world_.direct(release);
  EXPECT_FALSE(exception.is_void);
  EXPECT_FALSE(exception.id.is_nil()) << "what follows is let go, though nothing of it is held yet";
  ASSERT_TRUE(world_.accept_of("good@x.test", {"a@to.test"}));
  ASSERT_TRUE(world_.accept_of("bad@x.test", {"a@to.test"}));
  EXPECT_TRUE(world_.eventually([&] { return held() == 1 && world_.counts().scheduled == 1; }));
}

TEST_F(Orders, AnOrderAboutEverythingIsCountedExactly) {
  fill(world_, "bad@x.test", 3);
  ASSERT_TRUE(world_.accept_of("good@x.test", {"a@to7.test", "b@to8.test"}));
  ASSERT_TRUE(world_.eventually([&] { return world_.counts().scheduled == 5; }));
  auto all = order(DirectiveAction::kHold, {}, "operator root");
  all.is_for_all = true;
  const auto answer = world_.direct(all);
  EXPECT_EQ(answer.deliveries, 5U);
  EXPECT_EQ(answer.messages, 4U);
  EXPECT_TRUE(answer.is_exact);
}

TEST_F(Orders, ATenantsOrdersAreBoundedAndLeaveRoomForTheOperators) {
  const auto of_sender = [](int number, const std::string& by) {
    Selector selector;
    selector.sender = "s" + std::to_string(number) + "@x.test";
    auto made = order(DirectiveAction::kHold, selector, by);
    if (by.starts_with("tenant")) made.peers = "tenant 1 ";
    return made;
  };
  for (int i = 0; i < 1000; ++i) world_.direct(of_sender(i, i % 2 == 0 ? "tenant 1 anna" : "tenant 1 bob"));
  const auto refused = world_.run(world_.queue().direct(world_.shard(), of_sender(1000, "tenant 1 bob")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_EQ(world_.directives().size(), 1000U);
  world_.direct(of_sender(1000, "operator root"));
  EXPECT_EQ(world_.direct(of_sender(0, "tenant 1 anna")).overridden.size(), 1U) << "it makes its own room";
}

TEST(PacedOrders, GiveBackWhatPacedMailHasReservedAheadOfItsTime) {
  for (const auto action : {DirectiveAction::kPurge, DirectiveAction::kBounce}) {
    testlib::FakeStore store;
    Doors doors;
    std::atomic<std::uint64_t> messages{0}, recipients{0};
    WorldHooks hooks;
    hooks.on_unpaced = [&](const Unpaced& one) {
      messages += one.counts_message ? 1 : 0;
      recipients += one.recipients;
    };
    QueueWorld world{store, doors.script(), {}, 2, hooks};
    fill(world, "bad@x.test", 2);
    Message paced = world.message("bad@x.test", {"a@one.test", "b@one.test", "c@two.test"});
    paced.account = QueueWorld::account_id("bad@x.test");
    paced.not_before = world.clock.now() + std::chrono::hours{2};
    ASSERT_TRUE(world.accept(std::move(paced)));
    ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 4; }));
    world.direct(action, of_account("bad@x.test"));
    EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 0; }));
    EXPECT_TRUE(world.eventually([&] { return recipients == 3 && messages == 1; }))
        << "not what the others used long ago";
  }
}

}  // namespace
}  // namespace bulkhead::queue

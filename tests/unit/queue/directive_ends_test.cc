// The end of an order: what a purge or bounce was told to have taken never comes back.

#include "tests/unit/queue/orders_world.h"

namespace bulkhead::queue {
namespace {

// With a purge at work that cannot get on, as the store is not read.
struct PurgeAtWork {
  explicit PurgeAtWork(testlib::FakeStore& of, Doors& doors, bool and_future) : store(of), world(of, doors.script()) {
    fill(world, "bad@x.test", 8);
    store.fake_kv().fail_reads(Error{ErrorCode::kUnavailable, "too much waits for the disk", {}});
    id = world.direct(DirectiveAction::kPurge, of_account("bad@x.test"), and_future).id;
    EXPECT_TRUE(world.eventually([&] { return world.directives().at(0).progress.marked == 8; }));
  }
  DirectiveAnswer end() {
    DirectiveOrder order;
    order.ends = id;
    order.by = "root";
    return world.direct(std::move(order));
  }
  testlib::FakeStore& store;
  QueueWorld world;
  DirectiveId id;
};

TEST(DirectiveEnds, APurgeAtWorkEndsForWhatFollowsAndFinishesItsWork) {
  testlib::FakeStore store;
  Doors doors;
  PurgeAtWork purge{store, doors, true};
  const auto answer = purge.end();
  EXPECT_TRUE(answer.goes_on);
  EXPECT_EQ(answer.deliveries, 8U);
  ASSERT_EQ(purge.world.directives().size(), 1U);
  EXPECT_FALSE(purge.world.directives()[0].directive.and_future);
  store.fake_kv().fail_reads(std::nullopt);
  ASSERT_TRUE(purge.world.accept_of("bad@x.test", {"later@to.test"}));
  purge.world.clock.advance(std::chrono::seconds{2});
  EXPECT_TRUE(purge.world.eventually([&] { return keys_with(store, 'm') == 1; })) << "what came later alone";
  EXPECT_TRUE(purge.world.eventually([&] { return purge.world.directives().empty(); }));
  EXPECT_EQ(purge.world.counts().deliveries, 1U);
}

TEST(DirectiveEnds, WhatAnEndedPurgeHasTakenStaysGoneAfterARestart) {
  for (const bool and_future : {true, false}) {
    testlib::FakeStore store;
    Doors doors;
    {
      PurgeAtWork purge{store, doors, and_future};
      EXPECT_TRUE(purge.end().goes_on);
      ASSERT_TRUE(purge.world.accept_of("bad@x.test", {"later@to.test"}));
    }
    store.fake_kv().fail_reads(std::nullopt);
    const int before = doors.attempts;
    doors.is_open = true;
    QueueWorld world{store, doors.script()};
    world.clock.advance(std::chrono::hours{1});
    EXPECT_TRUE(world.drains());
    EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 0; }));
    EXPECT_EQ(doors.attempts, before + 1) << "of what was accepted after the end alone";
    EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); }));
  }
}

TEST(DirectiveEnds, AnOrderThatIsNotAtWorkEndsAtOnce) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  DirectiveOrder order;
  order.ends = world.direct(DirectiveAction::kPurge, of_account("bad@x.test"), true).id;
  ASSERT_TRUE(world.eventually([&] { return !world.directives().at(0).progress.is_sweeping; }));
  EXPECT_FALSE(world.direct(std::move(order)).goes_on);
  EXPECT_TRUE(world.directives().empty());
  EXPECT_EQ(keys_with(store, 'x'), 0U);
}

// The commit of the order itself is the last one that the store takes.
TEST(DirectiveEnds, WorkThatTheStoreRefusesIsNotDoneAndStaysOutOfTheQueue) {
  for (const auto action : {DirectiveAction::kBounce, DirectiveAction::kPurge}) {
    testlib::FakeStore store;
    Doors doors;
    {
      QueueWorld world{store, doors.script()};
      fill(world, "bad@x.test", 3);
      ASSERT_TRUE(world.accept_of("bad@x.test", {"a@one.test", "b@two.test"}));
      ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 5; }));
      world.log.expect("cannot be");
      store.fail_commits_after(store.usage().commits + 1);
      EXPECT_EQ(world.direct(action, of_account("bad@x.test")).deliveries, 5U);
      EXPECT_TRUE(world.eventually([&] { return world.log.has("cannot be"); }));
      EXPECT_TRUE(world.eventually([&] { return world.directives().at(0).progress.marked == 5; }));
      EXPECT_EQ(world.directives()[0].progress.done, 0U);
      EXPECT_EQ(world.directives()[0].progress.taken, 5U);
      EXPECT_EQ(world.counts().deliveries, 0U);
    }
    EXPECT_EQ(keys_with(store, 'm'), 4U);
  }
}

// What an order works on, when nothing waits in its line any more. Its
// commit is held.
TEST(DirectiveEnds, TheLastOfItsWorkIsStillItsWork) {
  for (const auto action : {DirectiveAction::kBounce, DirectiveAction::kPurge}) {
    SCOPED_TRACE(to_string(action));
    testlib::FakeStore store;
    Doors doors;
    QueueWorld world{store, doors.script(), {}, 1};
    ASSERT_TRUE(world.accept_of("bad@x.test", {"a@one.test", "b@two.test"}));
    ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 2; }));
    store.hold_commits();
    auto giving = std::async(std::launch::async, [&] { return world.direct(action, of_account("bad@x.test")); });
    for (int i = 0; i < 2; ++i) {  // the order itself, and the first delivery
      ASSERT_TRUE(world.eventually([&] { return store.held_commits() == 1; }));
      store.release_commits_oldest(1);
    }
    const auto id = giving.get().id;
    ASSERT_TRUE(world.eventually([&] { return store.held_commits() == 1; }));
    const auto progress = world.directives().at(0).progress;
    EXPECT_EQ(progress.marked, 0U);
    EXPECT_EQ(progress.working, 1U);
    EXPECT_EQ(progress.left(), 1U);
    DirectiveOrder order;
    order.ends = id;
    order.by = "root";
    auto ending = std::async(std::launch::async, [&] { return world.direct(order); });
    EXPECT_TRUE(world.eventually([&] { return ending.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }))
        << "it waits for no commit, as it changes nothing";
    const int before = doors.attempts;
    store.release_commits();
    const auto answer = ending.get();
    EXPECT_TRUE(answer.goes_on);
    EXPECT_EQ(answer.deliveries, 1U);
    EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); }));
    EXPECT_EQ(keys_with(store, 'm'), 0U);
    world.clock.advance(std::chrono::hours{1});
    EXPECT_EQ(world.counts().deliveries, 0U);
    EXPECT_EQ(doors.attempts, before) << "what was told as gone is not delivered";
  }
}

// Many bounces in work at once, the rest waiting: whatever is under way is the order's when it is to end.
TEST(DirectiveEnds, ABounceThatIsEndedInTheMidstOfItsLastBatchTakesAllOfIt) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script(), {}, 1};
  fill(world, "bad@x.test", 6);
  store.hold_commits();
  auto giving =
      std::async(std::launch::async, [&] { return world.direct(DirectiveAction::kBounce, of_account("bad@x.test")); });
  ASSERT_TRUE(world.eventually([&] { return store.held_commits() == 1; }));
  store.release_commits_oldest(1);
  const auto id = giving.get().id;
  ASSERT_TRUE(world.eventually([&] { return world.directives().at(0).progress.working == 6; }));
  DirectiveOrder order;
  order.ends = id;
  order.by = "root";
  auto ending = std::async(std::launch::async, [&] { return world.direct(order); });
  EXPECT_TRUE(world.eventually([&] { return ending.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }));
  doors.is_open = true;
  const int before = doors.attempts;
  store.release_commits();
  EXPECT_EQ(ending.get().deliveries, 6U);
  EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); }));
  world.clock.advance(std::chrono::hours{1});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(doors.attempts, before) << "all six were bounced";
}

}  // namespace
}  // namespace bulkhead::queue

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

}  // namespace
}  // namespace bulkhead::queue

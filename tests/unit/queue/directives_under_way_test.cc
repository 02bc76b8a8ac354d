// Orders that only messages answer, given while deliveries are under way: none of them escapes.

#include "tests/unit/queue/orders_world.h"

namespace bulkhead::queue {
namespace {

Selector of_subject(const std::string& subject) {
  Selector selector;
  selector.subject = subject;
  return selector;
}

// Deliveries, one a site, whose attempts have ended and wait for the disk: they are under way until it goes on.
class UnderWay : public testing::Test {
 protected:
  void start(int count) {
    fill(world_, "a@x.test", count);
    store_.hold_commits();
    world_.clock.advance(std::chrono::hours{1});
    const auto whole = static_cast<std::size_t>(count);
    ASSERT_TRUE(world_.eventually([&] { return store_.held_commits() == whole; }));
    ASSERT_EQ(world_.counts().active, whole);
  }
  void TearDown() override { store_.release_commits(); }
  // Gives an order, whose own commit passes; answers when it does.
  std::future<DirectiveAnswer> give(DirectiveAction action, Selector selector, bool and_future = false) {
    const std::size_t before = store_.held_commits();
    auto answer = std::async(std::launch::async, [this, action, selector = std::move(selector), and_future] {
      return world_.direct(action, selector, and_future);
    });
    EXPECT_TRUE(world_.eventually([&] { return store_.held_commits() == before + 1; }));
    store_.release_newest_commit();
    EXPECT_TRUE(world_.eventually([&] { return !world_.directives().empty(); }));
    return answer;
  }
  DirectiveProgress progress() { return world_.directives().at(0).progress; }

  testlib::FakeStore store_;
  Doors doors_;
  QueueWorld world_{store_, doors_.script()};
};

TEST_F(UnderWay, AHoldBySubjectIsCompleteWhenAllOfThemAreHeld) {
  for (const bool and_future : {false, true}) {
    SCOPED_TRACE(and_future);
    start(3);
    auto answer = give(DirectiveAction::kHold, of_subject("a subject"), and_future);
    EXPECT_TRUE(world_.eventually([&] { return progress().active == 3; }));
    store_.release_commits();
    const auto given = answer.get();
    EXPECT_TRUE(given.is_complete);
    EXPECT_EQ(given.deliveries, 3U);
    EXPECT_EQ(world_.counts().held, 3U);
    EXPECT_EQ(world_.counts().scheduled, 0U);
    EXPECT_EQ(progress().active, 0U);
    const int before = doors_.attempts;
    world_.clock.advance(std::chrono::hours{1});
    EXPECT_EQ(world_.counts().held, 3U);
    EXPECT_EQ(doors_.attempts, before) << "none is tried while it is held";
    EXPECT_EQ(world_.direct(DirectiveAction::kRelease, of_subject("a subject")).deliveries, 3U);
    world_.direct(DirectiveAction::kPurge, of_account("a@x.test"));
    EXPECT_TRUE(world_.eventually([&] { return world_.directives().empty() && keys_with(store_, 'm') == 0; }));
  }
}

TEST_F(UnderWay, APurgeBySubjectStaysUntilTheyAreBackAndTakesThem) {
  start(3);
  auto answer = give(DirectiveAction::kPurge, of_subject("a subject"));
  EXPECT_TRUE(world_.eventually([&] { return progress().active == 3; }));
  store_.release_commits();
  EXPECT_EQ(answer.get().deliveries, 3U);
  EXPECT_EQ(world_.counts().deliveries, 0U);
  EXPECT_TRUE(world_.eventually([&] { return keys_with(store_, 'm') == 0; }));
  EXPECT_TRUE(world_.eventually([&] { return world_.directives().empty(); }));
}

TEST_F(UnderWay, WhatIsNotMeantIsNotWaitedFor) {
  start(3);
  auto answer = give(DirectiveAction::kPurge, of_subject("another one"), true);
  EXPECT_EQ(answer.get().deliveries, 0U);
  EXPECT_GE(store_.held_commits(), 3U) << "all of them are still under way";
  store_.release_commits();
  EXPECT_TRUE(world_.eventually([&] { return world_.counts().scheduled == 3; }));
}

TEST_F(UnderWay, AnExceptionBySubjectFromAHoldMeansThemToo) {
  start(3);
  Selector whole;
  whole.tenant = world_.tenant;
  give(DirectiveAction::kHold, whole, true).get();
  auto answer = give(DirectiveAction::kRelease, of_subject("a subject"), true);
  EXPECT_TRUE(world_.eventually([&] { return world_.directives().at(1).progress.active == 3; }));
  store_.release_commits();
  EXPECT_TRUE(answer.get().is_complete);
  EXPECT_TRUE(world_.eventually([&] { return world_.counts().scheduled == 3; })) << "none stays held";
}

}  // namespace
}  // namespace bulkhead::queue

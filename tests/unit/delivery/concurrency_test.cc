#include "src/delivery/concurrency.h"

#include <gtest/gtest.h>

#include "src/delivery/shared_places.h"

namespace bulkhead::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const SteadyTime kStart{std::chrono::hours{1}};

class ConcurrencyWindowTest : public ::testing::Test {
 protected:
  void take(int count) {
    for (int i = 0; i < count; ++i) window_.taken();
  }
  SeededRandom random_{1};
  ConcurrencyWindow window_;
};

TEST_F(ConcurrencyWindowTest, GrowsByOneWithEachRoundOfItsConnections) {
  EXPECT_EQ(window_.places(kStart), 5U);
  take(6);
  EXPECT_EQ(window_.places(kStart), 6U);
  take(7);
  EXPECT_EQ(window_.places(kStart), 7U);
  take(1'000'000);
  EXPECT_EQ(window_.places(kStart), static_cast<std::uint32_t>(ConcurrencyWindow::kMost));
}

TEST_F(ConcurrencyWindowTest, HalvesOnceForWhatAllConnectionsHear) {
  take(500);
  const auto before = window_.places(kStart);
  for (int i = 0; i < 20; ++i) window_.slowed(kStart + milliseconds{i}, random_);
  EXPECT_EQ(window_.places(kStart), before / 2);
  window_.slowed(kStart + seconds{2}, random_);
  EXPECT_EQ(window_.places(kStart), before / 4);
}

TEST_F(ConcurrencyWindowTest, KeepsAtLeastOneAndPausesWhenEvenThatIsTooMuch) {
  window_.slowed(kStart, random_);
  window_.slowed(kStart + seconds{2}, random_);
  EXPECT_EQ(window_.places(kStart + seconds{2}), 1U);
  EXPECT_EQ(window_.paused_until(kStart + seconds{2}), std::nullopt);
  window_.slowed(kStart + seconds{4}, random_);
  EXPECT_EQ(window_.places(kStart + seconds{4}), 0U);
}

TEST_F(ConcurrencyWindowTest, ASiteOutOfReachIsLeftAloneForDoublingTimesWithJitter) {
  auto now = kStart;
  auto expected = ConcurrencyWindow::kPauseFirst;
  for (int i = 0; i < 12; ++i) {
    window_.unreachable(now, random_);
    ASSERT_TRUE(window_.paused_until(now));
    const auto pause = *window_.paused_until(now) - now;
    EXPECT_GE(pause, expected * 8 / 10);
    EXPECT_LE(pause, expected * 12 / 10 + milliseconds{1});
    EXPECT_EQ(window_.places(now + pause - std::chrono::nanoseconds{1}), 0U);
    EXPECT_EQ(window_.places(now + pause), 1U) << "one connection probes it";
    now += pause;
    expected = std::min<milliseconds>(expected * 2, ConcurrencyWindow::kPauseMost);
  }
  EXPECT_EQ(expected, ConcurrencyWindow::kPauseMost);
}

TEST_F(ConcurrencyWindowTest, FailuresOfConnectionsThatWereUnderWayCountOnce) {
  for (int i = 0; i < 5; ++i) window_.unreachable(kStart, random_);
  EXPECT_LE(*window_.paused_until(kStart) - kStart, ConcurrencyWindow::kPauseFirst * 12 / 10 + milliseconds{1});
}

TEST_F(ConcurrencyWindowTest, OneSuccessEndsTheBackOff) {
  window_.unreachable(kStart, random_);
  const auto after = *window_.paused_until(kStart);
  EXPECT_EQ(window_.places(after), 1U);
  window_.taken();
  EXPECT_GE(window_.places(after), 2U);
  window_.unreachable(after, random_);
  EXPECT_LE(*window_.paused_until(after) - after, ConcurrencyWindow::kPauseFirst * 12 / 10 + milliseconds{1});
}

class SharedPlacesTest : public ::testing::Test {
 protected:
  static TenantId tenant(int number) {
    Ulid id;
    id.bytes[15] = static_cast<std::uint8_t>(number);
    return TenantId{id};
  }
  int take_all(int number, std::uint32_t places) {
    int count = 0;
    while (places_.may_take(tenant(number), places, now_)) {
      places_.take(tenant(number));
      ++count;
    }
    return count;
  }
  SharedPlaces places_;
  SteadyTime now_ = kStart;
};

TEST_F(SharedPlacesTest, OneTenantAloneMayHaveAll) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(places_.open(), 10U);
  EXPECT_FALSE(places_.must_yield(tenant(1), 10, now_));
}

TEST_F(SharedPlacesTest, WhoHasMoreThanItsShareGivesBackToWhoWaits) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(take_all(2, 10), 0);
  int yielded = 0;
  while (places_.must_yield(tenant(1), 10, now_)) ++yielded;
  EXPECT_EQ(yielded, 5);
  for (int i = 0; i < yielded; ++i) places_.release(tenant(1));
  EXPECT_FALSE(places_.may_take(tenant(1), 10, now_)) << "what was given back is for who waits";
  EXPECT_EQ(take_all(2, 10), 5);
  EXPECT_FALSE(places_.must_yield(tenant(1), 10, now_));
  EXPECT_FALSE(places_.must_yield(tenant(2), 10, now_));
}

TEST_F(SharedPlacesTest, NobodyYieldsForWhoHasGone) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(take_all(2, 10), 0);
  now_ += SharedPlaces::kWaiting;
  EXPECT_FALSE(places_.must_yield(tenant(1), 10, now_));
}

TEST_F(SharedPlacesTest, WithMoreTenantsThanPlacesEachGetsOneInTurn) {
  EXPECT_EQ(take_all(1, 2), 2);
  for (int other = 2; other <= 5; ++other) EXPECT_EQ(take_all(other, 2), 0);
  EXPECT_TRUE(places_.must_yield(tenant(1), 2, now_));
  EXPECT_FALSE(places_.must_yield(tenant(1), 2, now_));
  places_.release(tenant(1));
  EXPECT_EQ(take_all(3, 2), 1);
}

TEST_F(SharedPlacesTest, WithoutPlacesNobodyHasOne) {
  EXPECT_EQ(take_all(1, 0), 0);
  EXPECT_FALSE(places_.is_unused(now_));
  now_ += SharedPlaces::kWaiting;
  EXPECT_TRUE(places_.is_unused(now_));
}

}  // namespace
}  // namespace bulkhead::delivery

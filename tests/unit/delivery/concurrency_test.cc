#include "src/delivery/concurrency.h"

#include <array>

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
    while (may_take(number, places)) {
      places_.take(tenant(number), now_);
      ++count;
    }
    return count;
  }
  bool may_take(int number, std::uint32_t places) { return places_.may_take({tenant(number), lane_}, places, now_); }
  void release(int number) { places_.release({tenant(number), lane_}, now_); }
  bool must_yield(int number, std::uint32_t places, bool is_ahead = false) {
    return places_.must_yield({tenant(number), lane_}, places, now_, is_ahead);
  }
  const TenantId tenant_ = tenant(1);
  const IpAddress lane_ = *IpAddress::parse("192.0.2.1");
  const IpAddress other_lane_ = *IpAddress::parse("192.0.2.2");
  SharedPlaces places_;
  SteadyTime now_ = kStart;
};

TEST_F(SharedPlacesTest, OneTenantAloneMayHaveAll) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(places_.open(), 10U);
  EXPECT_FALSE(must_yield(1, 10));
}

TEST_F(SharedPlacesTest, WhoHasMoreThanItsShareGivesBackToWhoWaits) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(take_all(2, 10), 0);
  int yielded = 0;
  while (must_yield(1, 10)) ++yielded;
  EXPECT_EQ(yielded, 5);
  for (int i = 0; i < yielded; ++i) release(1);
  EXPECT_FALSE(may_take(1, 10)) << "what was given back is for who waits";
  EXPECT_EQ(take_all(2, 10), 5);
  EXPECT_FALSE(must_yield(1, 10));
  EXPECT_FALSE(must_yield(2, 10));
}

TEST_F(SharedPlacesTest, NobodyYieldsForWhoHasGone) {
  EXPECT_EQ(take_all(1, 10), 10);
  EXPECT_EQ(take_all(2, 10), 0);
  now_ += SharedPlaces::kWaiting;
  EXPECT_FALSE(must_yield(1, 10));
}

TEST_F(SharedPlacesTest, WithMoreTenantsThanPlacesEachGetsOneInTurn) {
  EXPECT_EQ(take_all(1, 2), 2);
  for (int other = 2; other <= 5; ++other) EXPECT_EQ(take_all(other, 2), 0);
  EXPECT_TRUE(must_yield(1, 2));
  EXPECT_FALSE(must_yield(1, 2));
  release(1);
  EXPECT_EQ(take_all(3, 2), 1);
}

TEST_F(SharedPlacesTest, WhereThereAreFewerPlacesThanTenantsTheyHaveThemInTurns) {
  for (const auto job_takes : {milliseconds{5}, milliseconds{100}, milliseconds{7000}}) {
    places_ = {};
    constexpr int kTenants = 5;
    std::array<SteadyTime::duration, kTenants> had{};
    int holder = -1;
    const auto begin = now_;
    const auto end = now_ + 200 * std::max<SteadyTime::duration>(job_takes, SharedPlaces::kTurn);
    for (; now_ < end; now_ += milliseconds{5}) {
      for (int number = 0; number < kTenants; ++number) {  // the first is always the first to ask
        if (number != holder && take_all(number, 1) > 0) holder = number;
      }
      if (holder < 0) continue;
      had[static_cast<std::size_t>(holder)] += milliseconds{5};
      if (now_.time_since_epoch() % job_takes != SteadyTime::duration{} || !must_yield(holder, 1)) continue;
      EXPECT_FALSE(must_yield(holder, 1)) << "it has no second one to give";
      release(holder);
      holder = -1;
    }
    const std::chrono::duration<double> share = (end - begin) / kTenants;
    for (const std::chrono::duration<double> time : had) EXPECT_NEAR(time / share, 1.0, 0.1);
  }
}

TEST_F(SharedPlacesTest, ATurnWithSlowJobsIsOverWhenItsTimeIs) {
  ASSERT_EQ(take_all(1, 1), 1);
  ASSERT_EQ(take_all(2, 1), 0);
  now_ += SharedPlaces::kTurn - milliseconds{1};
  EXPECT_FALSE(must_yield(1, 1));
  EXPECT_EQ(take_all(2, 1), 0);
  now_ += milliseconds{1};
  EXPECT_TRUE(must_yield(1, 1));
}

TEST_F(SharedPlacesTest, WhoRestsTakesThePlaceWhenNobodyWantsItAnyMore) {
  ASSERT_EQ(take_all(1, 1), 1);
  ASSERT_EQ(take_all(2, 1), 0);
  now_ += SharedPlaces::kTurn - milliseconds{1};
  ASSERT_EQ(take_all(2, 1), 0);
  now_ += milliseconds{1};
  ASSERT_TRUE(must_yield(1, 1));
  release(1);
  EXPECT_FALSE(may_take(1, 1));
  now_ += SharedPlaces::kTurn;
  EXPECT_TRUE(may_take(1, 1)) << "the other had its time to ask";
}

TEST_F(SharedPlacesTest, AHundredPlacesForAHundredAndOneTenantsGoRound) {
  for (int number = 0; number < 100; ++number) {
    ASSERT_TRUE(may_take(number, 100));
    places_.take(tenant(number), now_);
  }
  int waiting = 100;
  std::array<SteadyTime, 101> since{};
  SteadyTime::duration longest{};
  since[100] = now_;
  for (int step = 0; step < 3000; ++step, now_ += milliseconds{10}) {
    const int holder = step % 101;  // that has just done a job
    if (step % 10 == 0) {
      ASSERT_FALSE(may_take(waiting, 100));
    }
    if (holder == waiting || !must_yield(holder, 100)) continue;
    release(holder);
    ASSERT_FALSE(may_take(holder, 100));
    ASSERT_EQ(take_all(waiting, 100), 1);
    longest = std::max(longest, now_ - since[static_cast<std::size_t>(waiting)]);
    since[static_cast<std::size_t>(holder)] = now_;
    waiting = holder;
  }
  EXPECT_LE(longest, SharedPlaces::kTurn + milliseconds{20});
  EXPECT_GT(longest, SteadyTime::duration{});
}

TEST_F(SharedPlacesTest, LanesOfOneTenantHaveAPlaceInTurns) {
  ASSERT_EQ(take_all(1, 1), 1);
  const SharedPlaces::Asker beside{tenant_, other_lane_, true};
  ASSERT_FALSE(places_.may_take(beside, 1, now_));
  now_ += SharedPlaces::kTurn;
  ASSERT_FALSE(places_.may_take(beside, 1, now_));
  ASSERT_TRUE(must_yield(1, 1));
  release(1);
  EXPECT_FALSE(places_.may_take({tenant_, lane_, true}, 1, now_)) << "it has just had its turn";
  ASSERT_TRUE(places_.may_take(beside, 1, now_));
  places_.take(tenant_, now_);
  EXPECT_FALSE(places_.may_take({tenant_, lane_, true}, 1, now_));
}

TEST_F(SharedPlacesTest, AnAnswerToWhoAsksAheadIsNoPlaceThatIsGivenBack) {
  ASSERT_EQ(take_all(1, 10), 10);
  ASSERT_EQ(take_all(2, 10), 0);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(must_yield(1, 10, true));
  int yielded = 0;
  while (must_yield(1, 10)) ++yielded;
  EXPECT_EQ(yielded, 5);
  EXPECT_FALSE(must_yield(1, 10, true));
}

TEST_F(SharedPlacesTest, WithoutPlacesNobodyHasOne) {
  EXPECT_EQ(take_all(1, 0), 0);
  EXPECT_FALSE(places_.is_unused(now_));
  now_ += SharedPlaces::kWaiting;
  EXPECT_TRUE(places_.is_unused(now_));
}

}  // namespace
}  // namespace bulkhead::delivery

#include "netpolicy/limits/bucket.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::netpolicy {
namespace {

constexpr Ticks kSecond = 1'000'000'000;
constexpr Ticks kHour = 3600 * kSecond;
constexpr Ticks kStart = 1'700'000'000 * kSecond;

Meter meter_of(const char* rate) {
  return Meter{tenants::Rate::parse(rate).value()};
}

int taken_one_by_one(Bucket& bucket, const Meter& meter, Ticks now) {
  int count = 0;
  while (bucket.reserve(meter, 1, now)) ++count;
  return count;
}

TEST(Bucket, GivesExactlyTheCountAtOnce) {
  for (const auto* rate : {"1/1s", "7/1d", "500/1h", "999/1h", "20/1s", "2000/1d", "100003/1h"}) {
    Bucket bucket{kStart};
    const auto expected = tenants::Rate::parse(rate)->count;
    EXPECT_EQ(taken_one_by_one(bucket, meter_of(rate), kStart), static_cast<int>(expected)) << rate;
  }
}

TEST(Bucket, TheFirstOneCountsLikeAny) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10/1h");
  EXPECT_TRUE(bucket.reserve(meter, 10, kStart));
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart));
  Bucket fresh{kStart};
  EXPECT_FALSE(fresh.reserve(meter, 11, kStart));
  EXPECT_TRUE(fresh.is_full(kStart));
}

TEST(Bucket, TheBurstBoundsWhatGoesAtOnceAndTheRateWhatComesBack) {
  Bucket bucket{kStart};
  const auto meter = meter_of("3600/1h burst 5");
  EXPECT_EQ(taken_one_by_one(bucket, meter, kStart), 5);
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart + kSecond - 1));
  EXPECT_TRUE(bucket.reserve(meter, 1, kStart + kSecond));
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart + kSecond));
  EXPECT_EQ(taken_one_by_one(bucket, meter, kStart + kHour), 5);
}

TEST(Bucket, TellsTheMomentFromWhichOnItFits) {
  Bucket bucket{kStart};
  const auto meter = meter_of("60/1h burst 2");
  ASSERT_TRUE(bucket.reserve(meter, 2, kStart));
  const Ticks at = bucket.fits_at(meter, 1, kStart);
  EXPECT_EQ(at, kStart + 60 * kSecond);
  EXPECT_FALSE(bucket.reserve(meter, 1, at - 1));
  EXPECT_TRUE(bucket.reserve(meter, 1, at));
}

TEST(Bucket, IsAllOrNothing) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10/1h");
  ASSERT_TRUE(bucket.reserve(meter, 4, kStart));
  EXPECT_FALSE(bucket.reserve(meter, 7, kStart));
  EXPECT_EQ(bucket.used(meter, kStart), 4U);
  EXPECT_TRUE(bucket.reserve(meter, 6, kStart));
}

TEST(Bucket, WhatIsMoreThanTheBurstNeverFits) {
  const auto meter = meter_of("100/1h burst 10");
  EXPECT_TRUE(meter.can_ever_hold(10));
  EXPECT_FALSE(meter.can_ever_hold(11));
  EXPECT_FALSE(meter.can_ever_hold(UINT64_MAX));
  Bucket bucket{kStart};
  EXPECT_FALSE(bucket.reserve_paced(meter, 11, kStart, kHour));
}

TEST(Bucket, GivesBackWhatWasNotUsed) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10/1h");
  const auto slot = bucket.reserve(meter, 10, kStart);
  ASSERT_TRUE(slot);
  bucket.give_back(*slot, kStart);
  EXPECT_EQ(taken_one_by_one(bucket, meter, kStart), 10);
}

TEST(Bucket, DoesNotGiveTwiceWhatHasComeBackByItself) {
  const auto meter = meter_of("10/1h");
  Bucket with{kStart};
  Bucket without{kStart};
  const auto slot = with.reserve(meter, 4, kStart);
  ASSERT_TRUE(slot);
  const Ticks later = kStart + kHour / 10;  // one of the four has come back
  ASSERT_TRUE(with.reserve(meter, 3, later));
  ASSERT_TRUE(without.reserve(meter, 3, later));
  with.give_back(*slot, later);
  EXPECT_EQ(with.arrival(), without.arrival());

  Bucket late{kStart};
  const auto old = late.reserve(meter, 1, kStart);
  late.give_back(*old, kStart + kHour);
  EXPECT_EQ(taken_one_by_one(late, meter, kStart + kHour), 10);
}

TEST(Bucket, PacesWhatIsOverTheRate) {
  Bucket bucket{kStart};
  const auto meter = meter_of("3600/1h burst 2");
  for (int i = 0; i < 5; ++i) {
    const auto slot = bucket.reserve_paced(meter, 1, kStart, kHour);
    ASSERT_TRUE(slot);
    const Ticks at = std::max(Bucket::paced_at(meter, *slot), kStart);
    EXPECT_EQ(at, kStart + std::max(0, i - 1) * kSecond);
  }
}

TEST(Bucket, GivesBackWhatIsPacedButNotTheBurst) {
  const auto meter = meter_of("10/10s");
  Bucket bucket{kStart};
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(bucket.reserve_paced(meter, 1, kStart, kHour));
  for (int i = 0; i < 20; ++i) bucket.give_back_paced(meter, 1, kStart);
  EXPECT_EQ(bucket.used(meter, kStart), 40U);
  for (int i = 0; i < 50; ++i) bucket.give_back_paced(meter, 1, kStart);
  EXPECT_EQ(bucket.used(meter, kStart), 10U) << "the burst was sent";
  const auto slot = bucket.reserve_paced(meter, 1, kStart, kHour);
  ASSERT_TRUE(slot);
  EXPECT_EQ(Bucket::paced_at(meter, *slot), kStart + kSecond) << "the next one waits for its turn alone";
}

TEST(Bucket, PacesNoFurtherThanTheLongestWait) {
  Bucket bucket{kStart};
  const auto meter = meter_of("1/1m");
  int count = 0;
  while (bucket.reserve_paced(meter, 1, kStart, kHour)) ++count;
  EXPECT_EQ(count, 61);  // one at once, and one a minute for an hour
}

TEST(Bucket, ADebtIsWaitedForByWhoComesNext) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10/1h");
  ASSERT_TRUE(bucket.reserve(meter, 10, kStart));
  const auto debt = bucket.owe(meter, 50, kStart);
  EXPECT_EQ(bucket.used(meter, kStart), 60U);
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart + 5 * kHour));
  EXPECT_TRUE(bucket.reserve(meter, 1, kStart + 5 * kHour + kHour / 10));
  bucket.give_back(debt, kStart + 5 * kHour + kHour / 10);
  EXPECT_LE(bucket.used(meter, kStart + 5 * kHour + kHour / 10), 10U);
}

TEST(Bucket, AClockThatGoesBackGivesNothingAway) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10/1h");
  ASSERT_TRUE(bucket.reserve(meter, 10, kStart));
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart - kHour));
  EXPECT_FALSE(bucket.reserve(meter, 1, kStart));
}

TEST(Bucket, BytesAreCountedExactly) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10G/1d");
  const std::uint64_t all = 10ULL << 30;
  ASSERT_TRUE(bucket.reserve(meter, all - 1000, kStart));
  EXPECT_FALSE(bucket.reserve(meter, 1001, kStart));
  EXPECT_TRUE(bucket.reserve(meter, 1000, kStart));
  EXPECT_EQ(bucket.used(meter, kStart), all);
}

TEST(Bucket, ThreadsTogetherTakeExactlyTheCount) {
  Bucket bucket{kStart};
  const auto meter = meter_of("10000/1h");
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) {
        const auto slot = bucket.reserve(meter, 1, kStart);
        if (!slot) continue;
        if (n % 10 == 0) {
          bucket.give_back(*slot, kStart);
        } else {
          ++taken;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken + taken_one_by_one(bucket, meter, kStart), 10000);
}

}  // namespace
}  // namespace bulkhead::netpolicy

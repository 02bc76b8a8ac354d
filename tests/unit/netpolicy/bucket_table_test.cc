#include "netpolicy/limits/bucket_table.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "netpolicy/limits/timeline.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::netpolicy {
namespace {

constexpr Ticks kHour = 3600'000'000'000;
constexpr Ticks kStart = 1'700'000'000'000'000'000;

tenants::Rate rate_of(const char* text) {
  return tenants::Rate::parse(text).value();
}

TEST(BucketTable, FindsTheSameBucketAgain) {
  BucketTable table;
  const auto rate = rate_of("10/1h");
  table.find("a", rate, kStart)->reserve(Meter{rate}, 3, kStart);
  EXPECT_EQ(table.find("a", rate, kStart)->used(Meter{rate}, kStart), 3U);
  EXPECT_EQ(table.find("b", rate, kStart)->used(Meter{rate}, kStart), 0U);
}

TEST(BucketTable, WhatIsUsedStaysUsedWhenTheRateChanges) {
  BucketTable table;
  const auto before = rate_of("500/1h");
  table.find("a", before, kStart)->reserve(Meter{before}, 312, kStart);
  const auto larger = rate_of("1000/1d");
  EXPECT_EQ(table.find("a", larger, kStart)->used(Meter{larger}, kStart), 312U);
  const auto smaller = rate_of("20/1s");
  EXPECT_EQ(table.find("a", smaller, kStart)->used(Meter{smaller}, kStart), 20U);
  EXPECT_TRUE(table.find("a", smaller, kStart + 1'000'000'000)->is_full(kStart + 1'000'000'000));
}

TEST(BucketTable, WhatIsPacedAheadStaysTakenWhenTheRateChanges) {
  BucketTable table;
  const auto before = rate_of("60/1h");
  const Ticks hour = 3600LL * 1'000'000'000;
  table.find("a", before, kStart)->reserve_paced(Meter{before}, 60, kStart, kPaceTicksMax);
  for (int i = 0; i < 120; ++i) table.find("a", before, kStart)->reserve_paced(Meter{before}, 1, kStart, kPaceTicksMax);
  const auto faster = rate_of("120/1h");
  auto bucket = table.find("a", faster, kStart);
  EXPECT_EQ(bucket->arrival(), kStart + hour / 2 + hour) << "60 that were within the burst, and 120 ahead of it";
  const auto slower = rate_of("1/1h");
  bucket = table.find("a", slower, kStart);
  EXPECT_EQ(bucket->arrival(), kStart + hour + 24 * hour) << "its burst, and a day at most";
}

TEST(BucketTable, ForgetsBucketsThatAreFullAgain) {
  BucketTable table;
  const auto rate = rate_of("10/1h");
  for (int i = 0; i < 1000; ++i) table.find(std::to_string(i), rate, kStart)->reserve(Meter{rate}, 1, kStart);
  EXPECT_EQ(table.size(), 1000U);
  for (int round = 0; round < 8; ++round) table.take_changes(kStart);
  EXPECT_EQ(table.size(), 1000U);
  std::size_t forgotten = 0;
  for (int round = 0; round < 8; ++round) forgotten += table.take_changes(kStart + kHour).forgotten.size();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(forgotten, 1000U);
}

TEST(BucketTable, KeepsABucketThatSomebodyHolds) {
  BucketTable table;
  const auto held = table.find("a", rate_of("10/1h"), kStart);
  for (int round = 0; round < 8; ++round) table.take_changes(kStart);
  EXPECT_EQ(table.peek("a"), held);
}

TEST(BucketTable, IsBoundedAndForgetsTheLeastUsedFirst) {
  BucketTable table{64};  // one for each stripe
  const auto rate = rate_of("10/1h");
  for (int i = 0; i < 500; ++i) table.find(std::to_string(i), rate, kStart)->reserve(Meter{rate}, 1, kStart);
  EXPECT_LE(table.size(), 64U);
  EXPECT_EQ(table.forgotten_early(), 500 - table.size());
}

TEST(BucketTable, TellsEachChangeOnce) {
  BucketTable table;
  const auto rate = rate_of("10/1h");
  table.find("a", rate, kStart)->reserve(Meter{rate}, 1, kStart);
  table.find("a", rate, kStart)->reserve(Meter{rate}, 1, kStart);
  const auto changes = table.take_changes(kStart);
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_EQ(changes.changed[0].key, "a");
  EXPECT_EQ(changes.changed[0].rate, rate);
  EXPECT_EQ(changes.changed[0].arrival, kStart + kHour / 5);
  EXPECT_TRUE(table.take_changes(kStart).changed.empty());
}

TEST(BucketTable, TellsAgainWhatCouldNotBeStored) {
  BucketTable table;
  const auto rate = rate_of("10/1h");
  table.find("a", rate, kStart)->reserve(Meter{rate}, 1, kStart);
  table.put_back(table.take_changes(kStart));
  EXPECT_EQ(table.take_changes(kStart).changed.size(), 1U);
  BucketChanges gone;
  gone.forgotten = {"b"};
  table.put_back(gone);
  EXPECT_EQ(table.take_changes(kStart).forgotten, std::vector<std::string>{"b"});
}

TEST(BucketTable, RestoresWhatWasUsed) {
  BucketTable table;
  const auto rate = rate_of("10/1h");
  table.restore({"a", rate, kStart + kHour / 2});
  EXPECT_EQ(table.find("a", rate, kStart)->used(Meter{rate}, kStart), 5U);
}

TEST(Timeline, StepsOfTheWallClockDoNotMoveIt) {
  testlib::ManualClock clock;
  const Timeline timeline{clock};
  const Ticks before = timeline.now();
  clock.step(std::chrono::hours{-5});
  EXPECT_EQ(timeline.now(), before);
  clock.step(std::chrono::hours{24 * 365});
  EXPECT_EQ(timeline.now(), before);
  clock.advance(std::chrono::seconds{1});
  EXPECT_EQ(timeline.now(), before + 1'000'000'000);
  EXPECT_EQ(timeline.utc(timeline.now() + kHour), clock.now() + std::chrono::hours{1});
}

}  // namespace
}  // namespace bulkhead::netpolicy

#include <gtest/gtest.h>

#include "monitoring/reputation/seen_lately.h"
#include "monitoring/reputation/sign_in_names.h"

namespace bulkhead::reputation {
namespace {

using std::chrono::hours;

const UtcTime kStart{hours{500000}};

TEST(SeenLately, KnowsWhatItMetForADay) {
  SeenLately seen{100};
  EXPECT_TRUE(seen.is_first({"a", "b"}, kStart));
  EXPECT_FALSE(seen.is_first({"A", "b"}, kStart + hours{23}));
  EXPECT_TRUE(seen.is_first({"ab", ""}, kStart)) << "the parts are told apart";
  EXPECT_FALSE(seen.is_first({"a", "b"}, kStart + hours{36})) << "what is met again is kept";
  EXPECT_TRUE(seen.is_first({"c"}, kStart + hours{24 * 4}));
  EXPECT_TRUE(seen.is_first({"d"}, kStart + hours{24 * 6}));
  EXPECT_TRUE(seen.is_first({"a", "b"}, kStart + hours{24 * 6}));
}

TEST(SeenLately, RemembersTheLatestSoMany) {
  SeenLately seen{100};
  const auto is_first = [&seen](int i) { return seen.is_first({std::to_string(i)}, kStart); };
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(is_first(i));
  for (int i = 999; i >= 900; --i) EXPECT_FALSE(is_first(i)) << i;
  EXPECT_TRUE(is_first(0));
}

TEST(Generations, AreBoundedInSizeAndKeepWhatIsUsed) {
  Generations<int> table{50, hours{1}};
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    table.at(i, kStart) = 1;
    table.at(7'777'777, kStart) = 2;
    EXPECT_LE(table.size(), 101U);
  }
  ASSERT_NE(table.find(7'777'777), nullptr);
  EXPECT_EQ(*table.find(7'777'777), 2);
  EXPECT_EQ(table.find(1), nullptr);
}

TEST(SignInNames, KnowsWhoSignsInFromWhere) {
  SignInNames names;
  const auto here = IpAddress::v4({198, 51, 100, 1}), there = IpAddress::v4({198, 51, 100, 2});
  EXPECT_TRUE(names.failed(here, "Ann", kStart));
  EXPECT_TRUE(names.failed(here, "ann", kStart));
  EXPECT_EQ(names.tried(here, kStart).size(), 1U);
  EXPECT_EQ(names.succeeded(here, "ann", kStart), 2U);
  EXPECT_EQ(names.tried(here, kStart).size(), 0U);
  EXPECT_FALSE(names.failed(here, "ann", kStart + hours{24}));
  EXPECT_TRUE(names.failed(there, "ann", kStart)) << "somewhere else she is anybody";
  EXPECT_EQ(names.tried(there, kStart + hours{24}).size(), 0U) << "a day";
}

TEST(SignInNames, KeepsSoManyNamesOfAClient) {
  SignInNames names{100, 10};
  const auto client = IpAddress::v4({198, 51, 100, 1});
  for (int i = 0; i < 1000; ++i) names.failed(client, std::to_string(i), kStart);
  EXPECT_EQ(names.tried(client, kStart).size(), SignInNames::kTriedMax);
}

}  // namespace
}  // namespace bulkhead::reputation

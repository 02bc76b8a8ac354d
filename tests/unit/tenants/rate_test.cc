#include "tenants/rate.h"

#include <gtest/gtest.h>

namespace bulkhead::tenants {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Rate, IsReadWithItsUnits) {
  EXPECT_EQ(Rate::parse("500/1h"), (Rate{500, hours{1}, 500}));
  EXPECT_EQ(Rate::parse("20/1s"), (Rate{20, seconds{1}, 20}));
  EXPECT_EQ(Rate::parse("2000/1d"), (Rate{2000, hours{24}, 2000}));
  EXPECT_EQ(Rate::parse("7/2w"), (Rate{7, hours{24 * 14}, 7}));
  EXPECT_EQ(Rate::parse("30/m"), (Rate{30, seconds{60}, 30}));
  EXPECT_EQ(Rate::parse("500/1h burst 50"), (Rate{500, hours{1}, 50}));
  EXPECT_EQ(Rate::parse("10G/1d"), (Rate{10ULL << 30, hours{24}, 10ULL << 30}));
  EXPECT_EQ(Rate::parse(" 5 / 1h "), (Rate{5, hours{1}, 5}));
  EXPECT_TRUE(Rate::parse("none")->is_unlimited());
}

TEST(Rate, IsWrittenAsItIsRead) {
  for (const char* text :
       {"500/1h", "20/1s", "2000/1d", "90/15m", "500/1h burst 50", "10G/1d", "512K/1s", "none", "1/366d", "7/90s"}) {
    EXPECT_EQ(Rate::parse(text)->text(), text);
  }
}

TEST(Rate, RefusesWhatIsNoneAndSaysWhy) {
  const auto why = [](const char* text) {
    const auto rate = Rate::parse(text);
    return rate ? std::string{} : rate.error().message;
  };
  EXPECT_NE(why("").find("a count, a slash and a time"), std::string::npos);
  EXPECT_NE(why("500").find("a count, a slash and a time"), std::string::npos);
  EXPECT_NE(why("0/1h").find("zero would stop everything"), std::string::npos);
  EXPECT_NE(why("500/0h").find("a time of zero"), std::string::npos);
  EXPECT_NE(why("500/").find("the time is missing"), std::string::npos);
  EXPECT_NE(why("500/1y").find("must be s, m, h, d or w"), std::string::npos);
  EXPECT_NE(why("500/1").find("must be s, m, h, d or w"), std::string::npos);
  EXPECT_NE(why("-5/1h").find("whole number"), std::string::npos);
  EXPECT_NE(why("5.5/1h").find("whole number"), std::string::npos);
  EXPECT_NE(why("5x/1h").find("whole number"), std::string::npos);
  EXPECT_NE(why("/1h").find("whole number"), std::string::npos);
  EXPECT_NE(why("99999999999999999999/1h").find("too large"), std::string::npos);
  EXPECT_NE(why("9999999999999T/1h").find("too large"), std::string::npos);
  EXPECT_NE(why("5/99999999999999999999h").find("too long"), std::string::npos);
  EXPECT_NE(why("5/1h burst").find("unit"), std::string::npos);
  EXPECT_NE(why("5/1h burst 0").find("zero"), std::string::npos);
  EXPECT_NE(why("1/1d burst 1000").find("more than 366 days"), std::string::npos);
  EXPECT_NE(why(std::string(100, '5').c_str()).find("too long"), std::string::npos);
}

TEST(Rate, HoldsAtTheEdgesOfWhatCanBeCounted) {
  EXPECT_TRUE(Rate::parse("366/366d"));
  EXPECT_FALSE(Rate::parse("366/367d"));
  EXPECT_TRUE(Rate::parse("1000000000/1s"));
  EXPECT_FALSE(Rate::parse("1000000001/1s"));
  EXPECT_TRUE(Rate::parse("1/1d burst 366"));
  EXPECT_FALSE(Rate::parse("1/1d burst 367"));
}

}  // namespace
}  // namespace bulkhead::tenants

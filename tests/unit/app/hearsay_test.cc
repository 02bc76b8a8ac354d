#include "src/app/hearsay.h"

#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

using Weight = NamedListing::Weight;
using std::chrono::hours;

class HearsayTest : public ::testing::Test {
 protected:
  std::optional<Weight> hear(const std::string& zone, const std::string& site, const char* ip = "192.0.2.1") {
    return hearsay.hear({*IpAddress::parse(ip), zone, site, ""}, now);
  }
  Hearsay hearsay;
  UtcTime now = UtcTime{} + hours{1000};
};

TEST_F(HearsayTest, IsBelievedWhenThreeSitesSayTheSameWithinADay) {
  EXPECT_EQ(hear("bl.example", "one"), Weight::kTold);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(hear("bl.example", "one"), std::nullopt) << "one site's word, however often";
  EXPECT_EQ(hear("BL.example", "two"), std::nullopt);
  EXPECT_EQ(hear("bl.example", "TWO"), std::nullopt);
  EXPECT_EQ(hear("bl.example", "three", "192.0.2.2"), Weight::kTold) << "of another address";
  EXPECT_EQ(hear("bl.example", "three"), Weight::kConfirmed);
  EXPECT_EQ(hear("bl.example", "four"), std::nullopt) << "once a day";
  now += hours{24};
  EXPECT_EQ(hear("bl.example", "five"), Weight::kTold);
  now += hours{23};
  EXPECT_EQ(hear("bl.example", "six"), std::nullopt);
  now += hours{1};
  EXPECT_EQ(hear("bl.example", "seven"), Weight::kTold) << "not within a day";
}

TEST_F(HearsayTest, IsToldOfFiveZonesOfAnAddressADay) {
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(hear("z" + std::to_string(i), "one"), i <= 5 ? Weight::kTold : Weight::kCounted) << i;
  }
  EXPECT_EQ(hear("z1", "one", "192.0.2.2"), Weight::kTold) << "each address";
  now += hours{24};
  EXPECT_EQ(hear("z1000", "one"), Weight::kTold);
}

TEST_F(HearsayTest, OfOneSiteDoesNotPushOutWhatTwoHaveSaid) {
  hear("bl.example", "one");
  hear("bl.example", "two");
  for (int i = 0; i < 1000; ++i) hear("z" + std::to_string(i), "liar");
  EXPECT_EQ(hear("bl.example", "three"), Weight::kConfirmed);
}

TEST_F(HearsayTest, RemembersSoManyAddresses) {
  for (std::size_t i = 0; i <= Hearsay::kAddressesMax; ++i) {
    now += std::chrono::seconds{1};
    const auto ip = IpAddress::v4({10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i % 256)});
    EXPECT_EQ(hear("bl.example", "one", ip.text().c_str()), Weight::kTold);
  }
  EXPECT_EQ(hear("bl.example", "one", "10.0.0.1"), std::nullopt);
  EXPECT_EQ(hear("bl.example", "one", "10.0.0.0"), Weight::kTold) << "the oldest was forgotten";
}

}  // namespace
}  // namespace bulkhead::app

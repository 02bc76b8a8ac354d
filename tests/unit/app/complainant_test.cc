#include "src/app/complainant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

using testing::ElementsAre;

TEST(Complainant, AtALargeProviderIsAPersonWhateverTagsAndDots) {
  EXPECT_THAT(people_of({"B.o.b+news@Gmail.com", "bob@googlemail.com", "bob+2@gmail.com", "ann@gmail.com"}),
              ElementsAre("bob@gmail.com", "ann@gmail.com"));
  EXPECT_THAT(people_of({"bob@yahoo.co.uk", "bob@web.de"}), ElementsAre("bob@yahoo.co.uk", "bob@web.de"));
}

TEST(Complainant, OfAnyOtherDomainIsWhoeverRegisteredIt) {
  EXPECT_THAT(people_of({"a@evil.example", "b@EVIL.example", "c@x.evil.example", "d@y.z.evil.example"}),
              ElementsAre("evil.example"));
  EXPECT_THAT(people_of({"a@shop.co.uk", "b@mail.shop.co.uk", "c@other.co.uk"}),
              ElementsAre("shop.co.uk", "other.co.uk"));
  EXPECT_THAT(people_of({"a@mx.firm.de", "a@localhost", "nonsense", "a@.", "a@x.", "@", "a@..uk"}),
              ElementsAre("firm.de", "localhost", "nonsense", ".", "x.", "", "..uk"));
}

TEST(Complainant, AreSoManyAtMost) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back("u" + std::to_string(i) + "@gmail.com");
  EXPECT_EQ(people_of(addresses).size(), kPeopleMax);
}

}  // namespace
}  // namespace bulkhead::app

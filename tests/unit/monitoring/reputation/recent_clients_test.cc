#include "monitoring/reputation/recent_clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/random.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::reputation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(int last) {
  return *IpAddress::parse("192.0.2." + std::to_string(last));
}

class RecentClientsTest : public ::testing::Test {
 protected:
  testlib::ManualClock clock;
  SeededRandom random{1};
  AccountId ann = AccountId::make(clock, random), bob = AccountId::make(clock, random);
  RecentClients clients;
};

TEST_F(RecentClientsTest, NamesEachOnceTheLatestAtTheEnd) {
  EXPECT_TRUE(clients.see(ann, ip(1), clock.now()));
  EXPECT_TRUE(clients.see(ann, ip(2), clock.now()));
  EXPECT_FALSE(clients.see(ann, ip(1), clock.now()));
  EXPECT_THAT(clients.of(ann, clock.now()), ElementsAre("192.0.2.2", "192.0.2.1"));
  EXPECT_THAT(clients.of(bob, clock.now()), IsEmpty());
}

TEST_F(RecentClientsTest, ForgetsThemAfterAnHour) {
  clients.see(ann, ip(1), clock.now());
  clock.advance(RecentClients::kAge);
  EXPECT_THAT(clients.of(ann, clock.now()), ElementsAre("192.0.2.1"));
  clock.advance(std::chrono::seconds{1});
  EXPECT_THAT(clients.of(ann, clock.now()), IsEmpty());
  EXPECT_TRUE(clients.see(ann, ip(1), clock.now()));
  EXPECT_THAT(clients.of(ann, clock.now()), ElementsAre("192.0.2.1"));
}

TEST_F(RecentClientsTest, KeepsTheLatestOfManyAndFewAccounts) {
  RecentClients few{1};
  for (int i = 0; i <= static_cast<int>(RecentClients::kPerAccount); ++i) few.see(ann, ip(i), clock.now());
  const auto kept = few.of(ann, clock.now());
  EXPECT_EQ(kept.size(), RecentClients::kPerAccount);
  EXPECT_EQ(kept.front(), "192.0.2.1");
  few.see(bob, ip(1), clock.now());
  EXPECT_THAT(few.of(ann, clock.now()), IsEmpty());
  EXPECT_EQ(few.of(bob, clock.now()).size(), 1U);
}

TEST_F(RecentClientsTest, ForgetsTheAccountThatWasSeenTheLongestAgo) {
  RecentClients three{3};
  std::vector<AccountId> accounts;
  for (int i = 0; i < 50; ++i) {
    accounts.push_back(AccountId::make(clock, random));
    three.see(accounts.back(), ip(1), clock.now());
    if (i > 0) three.see(accounts.front(), ip(1), clock.now());
  }
  for (const int kept : {0, 48, 49})
    EXPECT_EQ(three.of(accounts[static_cast<std::size_t>(kept)], clock.now()).size(), 1U);
  EXPECT_THAT(three.of(accounts[47], clock.now()), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::reputation

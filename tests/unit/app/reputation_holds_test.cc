#include "src/app/reputation_holds.h"

#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

class ReputationHoldsTest : public ::testing::Test {
 protected:
  ReputationHoldsTest() {
    ours.tenant = TenantId::from_bytes("tenant tenant te");
    ours.account = "info@acme.example";
    ours.account_id = AccountId::from_bytes("account account ");
    theirs.and_future = true;
    theirs.selector = ours;
  }
  bool holds_all() const { return ReputationHolds::holds_all(theirs, ours); }
  queue::Selector ours;
  queue::Directive theirs;
};

TEST_F(ReputationHoldsTest, AHoldOfTheSameOrOfMoreDoesTheWork) {
  EXPECT_TRUE(holds_all());
  theirs.selector.account = "former@acme.example";
  EXPECT_TRUE(holds_all()) << "the id says which";
  theirs.selector.account_id.reset();
  EXPECT_FALSE(holds_all());
  theirs.selector.account = "*";
  EXPECT_TRUE(holds_all());
  theirs.selector = {};
  EXPECT_TRUE(holds_all());
}

TEST_F(ReputationHoldsTest, AHoldOfLessDoesNot) {
  theirs.selector.recipient_domain = "far.example";
  EXPECT_FALSE(holds_all());
  theirs.selector = ours;
  theirs.and_future = false;
  EXPECT_FALSE(holds_all());
  theirs.and_future = true;
  theirs.action = queue::DirectiveAction::kRelease;
  EXPECT_FALSE(holds_all());
  theirs.action = queue::DirectiveAction::kHold;
  theirs.selector.sender = "news@acme.example";
  EXPECT_FALSE(holds_all());
}

TEST_F(ReputationHoldsTest, OneAccountsHoldIsNotItsTenants) {
  ours.account = "*";
  ours.account_id.reset();
  EXPECT_FALSE(holds_all());
  theirs.selector = ours;
  EXPECT_TRUE(holds_all());
  theirs.selector.site = "google.com";
  EXPECT_FALSE(holds_all());
}

}  // namespace
}  // namespace bulkhead::app

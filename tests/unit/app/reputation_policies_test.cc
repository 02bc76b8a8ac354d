#include "src/app/reputation_policies.h"

#include <gtest/gtest.h>

#include "tests/testlib/fake_directory.h"

namespace bulkhead::app {
namespace {

using admin::PolicyScope;
using admin::PolicySettings;

class ReputationPoliciesTest : public ::testing::Test {
 protected:
  ReputationPoliciesTest() {
    acme_ = directory_.add_tenant("acme");
    directory_.rows.tenants.back().plan = tenants::Plan::kBulk;
    directory_.publish();
  }
  double count(const PolicyScope& scope, const char* rule) const {
    return policies_.policy(scope, *directory_.snapshot()).find(rule)->count_min;
  }
  PolicyScope tenant() const { return {.tenant = acme_, .plan = {}}; }

  testlib::FakeDirectory directory_;
  TenantId acme_;
  ReputationPolicies policies_{false};
};

TEST_F(ReputationPoliciesTest, ATenantBeginsWithThePolicyOfItsPlan) {
  EXPECT_EQ(count({}, "account-flood"), 1000);
  EXPECT_EQ(count(tenant(), "account-flood"), 20000);
  PolicySettings settings;
  settings.counts["account-flood"] = 5000;
  ASSERT_TRUE(policies_.set(tenant(), settings));
  EXPECT_EQ(count(tenant(), "account-flood"), 5000);
  EXPECT_EQ(count(tenant(), "account-surge"), 1600) << "the others are still those of its plan";
  const auto book = policies_.book(*directory_.snapshot());
  EXPECT_EQ(book->of(acme_, "bulk").find("account-flood")->count_min, 5000);
  EXPECT_EQ(book->of({}, "bulk").find("account-flood")->count_min, 20000);
}

TEST_F(ReputationPoliciesTest, RefusesRulesAndCountsThatThereAreNot) {
  PolicySettings settings;
  settings.counts["account-nonsense"] = 5;
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kNotFound);
  settings.counts = {{"account-flood", 0}};
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(policies_.settings({}).empty());
}

TEST_F(ReputationPoliciesTest, ShadowModeOfTheNodeHoldsForEveryPlan) {
  PolicySettings settings;
  settings.is_shadow = true;
  ASSERT_TRUE(policies_.set({}, settings));
  EXPECT_TRUE(policies_.policy({}, *directory_.snapshot()).is_shadow);
  EXPECT_TRUE(policies_.policy({.tenant = {}, .plan = "bulk"}, *directory_.snapshot()).is_shadow);
  EXPECT_TRUE(policies_.policy(tenant(), *directory_.snapshot()).is_shadow);
  settings.is_shadow = false;
  ASSERT_TRUE(policies_.set(tenant(), settings));
  EXPECT_FALSE(policies_.policy(tenant(), *directory_.snapshot()).is_shadow) << "a tenant may be taken out of it";
  EXPECT_TRUE(ReputationPolicies{true}.policy(tenant(), *directory_.snapshot()).is_shadow);
}

TEST_F(ReputationPoliciesTest, ComeBackAsTheyWereStored) {
  PolicySettings settings;
  settings.is_shadow = true;
  settings.locks_sign_in = true;
  settings.counts["account-surge"] = 12.5;
  settings.shadow_by_rule["account-bounces"] = true;
  ASSERT_TRUE(policies_.set(tenant(), settings));
  ReputationPolicies after{false};
  ASSERT_TRUE(after.restore(ReputationPolicies::name_of(tenant()), policies_.stored(tenant())));
  EXPECT_EQ(after.stored(tenant()), policies_.stored(tenant()));
  EXPECT_TRUE(after.locks_sign_in(acme_));
  EXPECT_FALSE(after.locks_sign_in({}));
  EXPECT_FALSE(after.restore("node", "nonsense\n"));
  ASSERT_TRUE(policies_.set(tenant(), {}));
  EXPECT_EQ(policies_.stored(tenant()), "");
}

}  // namespace
}  // namespace bulkhead::app

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
  settings.rules["account-flood"].count = 5000;
  ASSERT_TRUE(policies_.set(tenant(), settings));
  EXPECT_EQ(count(tenant(), "account-flood"), 5000);
  EXPECT_EQ(count(tenant(), "account-surge"), 1600) << "the others are still those of its plan";
  const auto book = policies_.book(*directory_.snapshot());
  EXPECT_EQ(book->of(reputation::KeyKind::kAccount, acme_, "bulk").find("account-flood")->count_min, 5000);
  EXPECT_EQ(book->of(reputation::KeyKind::kAccount, {}, "bulk").find("account-flood")->count_min, 20000);
}

TEST_F(ReputationPoliciesTest, RefusesRulesAndCountsThatThereAreNot) {
  PolicySettings settings;
  settings.rules["account-nonsense"].count = 5;
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kNotFound);
  settings.rules.clear();
  settings.rules["account-flood"].count = 0;
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kInvalid);
  settings.rules.clear();
  settings.rules["account-flood"].share = 0.5;
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kInvalid) << "it looks at no share";
  settings.rules.clear();
  settings.rules["account-bounces"].share = 1.01;
  EXPECT_EQ(policies_.set({}, settings).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(policies_.settings({}).empty());
}

TEST_F(ReputationPoliciesTest, WhatATenantSetsLeavesItsAccountsTheirPlans) {
  PolicySettings settings;
  settings.rules["account-bounces"].share = 0.2;
  settings.rules["account-bounces"].volume = 1000;
  const TenantId other = directory_.add_tenant("other");
  directory_.publish();
  ASSERT_TRUE(policies_.set({.tenant = other, .plan = {}}, settings));
  const auto book = policies_.book(*directory_.snapshot());
  const auto kind = reputation::KeyKind::kAccount;
  EXPECT_EQ(book->of(kind, other, "normal").find("account-flood")->count_min, 1000);
  EXPECT_EQ(book->of(kind, other, "bulk").find("account-flood")->count_min, 20000);
  EXPECT_EQ(book->of(kind, other, "bulk").find("account-bounces")->share_over, 0.2);
  EXPECT_EQ(book->of(kind, other, "normal").find("account-bounces")->whole_min, 1000);
  EXPECT_EQ(book->of(kind, acme_, "normal").find("account-bounces")->whole_min, 100);
}

TEST_F(ReputationPoliciesTest, ATenantsShadowConcernsItsOwnAlone) {
  PolicySettings settings;
  settings.is_shadow = true;
  ASSERT_TRUE(policies_.set(tenant(), settings));
  const auto book = policies_.book(*directory_.snapshot());
  using enum reputation::KeyKind;
  for (const auto kind : {kAccount, kTenant, kDomain}) EXPECT_TRUE(book->of(kind, acme_, "").is_shadow);
  for (const auto kind : {kAddress, kAddressSite, kClient, kSite}) {
    EXPECT_FALSE(book->of(kind, acme_, "").is_shadow) << "others share it";
  }
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
  settings.rules["account-surge"].count = 12.5;
  settings.rules["account-bounces"].is_shadow = true;
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

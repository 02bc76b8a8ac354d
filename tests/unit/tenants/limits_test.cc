#include "tenants/live_directory.h"
#include "tenants/validation.h"
#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

class LimitsTest : public DirectoryTest {
 protected:
  static Limit limit_of(LimitScope scope, std::string subject, const char* messages) {
    Limit limit;
    limit.scope = scope;
    limit.subject = std::move(subject);
    limit.messages = Rate::parse(messages).value();
    return limit;
  }
  std::vector<Limit> stored() { return directory_->snapshot_rows().value().limits; }
};

TEST_F(LimitsTest, ALimitIsKeptAsItWasSet) {
  const auto tenant = add_tenant("acme");
  auto limit = limit_of(LimitScope::kTenant, limit_subject(tenant.id), "500/1h burst 50");
  limit.recipients = Rate::unlimited();
  limit.bytes = Rate::parse("10G/1d").value();
  ASSERT_TRUE(directory_->set_limit(limit));
  reopen();
  EXPECT_EQ(stored(), std::vector<Limit>{limit});
}

TEST_F(LimitsTest, ANewLimitTakesThePlaceOfTheOneBeforeAndAnEmptyOneRemovesIt) {
  const auto tenant = add_tenant("acme");
  ASSERT_TRUE(directory_->set_limit(limit_of(LimitScope::kTenant, limit_subject(tenant.id), "500/1h")));
  const auto second = limit_of(LimitScope::kTenant, limit_subject(tenant.id), "600/1h");
  const auto other = limit_of(LimitScope::kReseller, limit_subject(tenant.id), "700/1h");
  ASSERT_TRUE(directory_->set_limit(second));
  ASSERT_TRUE(directory_->set_limit(other));
  EXPECT_EQ(stored(), (std::vector<Limit>{second, other}));
  Limit none;
  none.scope = LimitScope::kTenant;
  none.subject = limit_subject(tenant.id);
  ASSERT_TRUE(directory_->set_limit(none));
  EXPECT_EQ(stored(), std::vector<Limit>{other});
}

TEST_F(LimitsTest, ChangesTheVersionOfTheSnapshot) {
  const auto tenant = add_tenant("acme");
  const auto before = directory_->snapshot_version().value();
  ASSERT_TRUE(directory_->set_limit(limit_of(LimitScope::kTenant, limit_subject(tenant.id), "500/1h")));
  EXPECT_GT(directory_->snapshot_version().value(), before);
}

TEST_F(LimitsTest, NamesWhatDoesNotExist) {
  const auto limit = limit_of(LimitScope::kTenant, std::string(16, 'x'), "500/1h");
  EXPECT_TRUE(fails_with(directory_->set_limit(limit), ErrorCode::kNotFound, "no tenant"));
  const auto account = limit_of(LimitScope::kAccount, std::string(16, 'x'), "500/1h");
  EXPECT_TRUE(fails_with(directory_->set_limit(account), ErrorCode::kNotFound, "no account"));
  const auto address = limit_of(LimitScope::kAddress, limit_subject(*IpAddress::parse("192.0.2.1")), "500/1h");
  EXPECT_TRUE(fails_with(directory_->set_limit(address), ErrorCode::kNotFound, "no address 192.0.2.1"));
}

TEST_F(LimitsTest, EndsWithWhatItIsFor) {
  const auto tenant = add_tenant("acme");
  const auto domain = add_domain(tenant, "acme.example");
  const auto account = directory_->create_account(account_of(tenant, "anna@acme.example")).value();
  ASSERT_TRUE(directory_->set_limit(limit_of(LimitScope::kAccount, limit_subject(account.id), "500/1h")));
  ASSERT_TRUE(directory_->set_limit(limit_of(LimitScope::kTenant, limit_subject(tenant.id), "500/1h")));
  ASSERT_EQ(stored().size(), 2U);
  ASSERT_TRUE(directory_->remove_account(account.id));
  EXPECT_EQ(stored().size(), 1U);
  ASSERT_TRUE(directory_->remove_domain(domain.id));
  ASSERT_TRUE(directory_->remove_tenant(tenant.id));
  EXPECT_TRUE(stored().empty());
}

TEST_F(LimitsTest, TheSubjectTellsAddressAndSite) {
  for (const char* ip : {"192.0.2.1", "2001:db8::1"}) {
    const auto address = *IpAddress::parse(ip);
    const auto pair = limit_of(LimitScope::kAddressSite, limit_subject(address, "google"), "5/1h");
    EXPECT_EQ(limit_address(pair), address);
    EXPECT_EQ(limit_site(pair), "google");
    EXPECT_EQ(limit_address(limit_of(LimitScope::kAddress, limit_subject(address), "5/1h")), address);
  }
  EXPECT_EQ(limit_site(limit_of(LimitScope::kSite, "google", "5/1h")), "google");
}

TEST_F(LimitsTest, ConnectionsAreForSitesAlone) {
  auto site = limit_of(LimitScope::kSite, "google", "5/1h");
  site.connections = 10;
  site.messages_per_connection = 20;
  ASSERT_TRUE(directory_->set_limit(site));
  EXPECT_EQ(stored(), std::vector<Limit>{site});
  site.connections = 0;
  EXPECT_TRUE(fails_with(directory_->set_limit(site), ErrorCode::kInvalid, "connections must be 1 to"));
  auto plan = limit_of(LimitScope::kPlan, "new", "5/1h");
  plan.connections = 10;
  EXPECT_TRUE(fails_with(directory_->set_limit(plan), ErrorCode::kInvalid, "for a site"));
  plan.connections.reset();
  plan.subject = "gold";
  EXPECT_TRUE(fails_with(directory_->set_limit(plan), ErrorCode::kInvalid, "new, normal or bulk"));
}

TEST_F(LimitsTest, PlansAndChoicesAreKept) {
  auto tenant = add_tenant("acme");
  EXPECT_EQ(tenant.plan, Plan::kNormal);
  tenant.plan = Plan::kBulk;
  tenant.over_limit = OverLimit::kPace;
  ASSERT_TRUE(directory_->update_tenant(tenant));
  add_domain(tenant, "acme.example");
  auto account = directory_->create_account(account_of(tenant, "anna@acme.example")).value();
  EXPECT_EQ(account.plan, std::nullopt);
  account.plan = Plan::kNew;
  ASSERT_TRUE(directory_->update_account(account));
  reopen();
  const auto rows = directory_->snapshot_rows().value();
  EXPECT_EQ(rows.tenants[0].plan, Plan::kBulk);
  EXPECT_EQ(rows.tenants[0].over_limit, OverLimit::kPace);
  EXPECT_EQ(directory_->account_by_id(account.id).value()->plan, Plan::kNew);
}

TEST_F(LimitsTest, TheWarmUpTableIsTheDefaultUntilItIsSet) {
  EXPECT_EQ(directory_->snapshot_rows().value().warm_up, default_warm_up());
  ASSERT_TRUE(directory_->set_warm_up({10, 20, 40}));
  EXPECT_EQ(directory_->snapshot_rows().value().warm_up, (WarmUpTable{10, 20, 40}));
  ASSERT_TRUE(directory_->set_warm_up({}));
  EXPECT_TRUE(directory_->snapshot_rows().value().warm_up.empty());
  EXPECT_TRUE(fails_with(directory_->set_warm_up({10, 0}), ErrorCode::kInvalid, "each day"));
}

TEST_F(LimitsTest, TheSnapshotFindsThem) {
  const auto tenant = add_tenant("acme");
  ASSERT_TRUE(directory_->set_limit(limit_of(LimitScope::kTenant, limit_subject(tenant.id), "500/1h")));
  const Snapshot snapshot{directory_->snapshot_rows().value(), {}};
  ASSERT_NE(snapshot.limit(LimitScope::kTenant, tenant.id.bytes()), nullptr);
  EXPECT_EQ(snapshot.limit(LimitScope::kTenant, tenant.id.bytes())->messages->count, 500U);
  EXPECT_EQ(snapshot.limit(LimitScope::kReseller, tenant.id.bytes()), nullptr);
}

}  // namespace
}  // namespace bulkhead::tenants

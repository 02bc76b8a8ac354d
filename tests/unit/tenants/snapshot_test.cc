#include <chrono>

#include "tenants/live_directory.h"
#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class SnapshotTest : public DirectoryTest {
 protected:
  SnapshotTest() : acme_(add_tenant("acme")), globex_(add_tenant("globex")), poor_(add_tenant("poor")) {}

  Snapshot snapshot() {
    return Snapshot{directory_->snapshot_rows().value(), directory_->accounts_with_networks().value()};
  }
  std::string usable(const Snapshot& snapshot, const Tenant& tenant, Family family) {
    std::string texts;
    for (const auto* address : snapshot.usable_addresses(tenant.id, family)) texts += address->ip.text() + " ";
    return texts;
  }
  void add_route(std::optional<TenantId> tenant, const std::string& pattern, const std::string& host) {
    Route route;
    route.tenant = tenant;
    route.pattern = pattern;
    route.host = host;
    ASSERT_TRUE(directory_->create_route(route));
  }
  Account add_client(const Tenant& tenant, std::string_view address, std::string_view network) {
    auto account = account_of(tenant, address);
    account.client_networks = {IpNetwork::parse(network).value()};
    return directory_->create_account(account).value();
  }
  Tenant acme_, globex_, poor_;
};

TEST_F(SnapshotTest, FindsByIdByNameAndByFormerName) {
  auto domain = add_domain(acme_, "old.example");
  domain.name = "new.example";
  ASSERT_TRUE(directory_->update_domain(domain));
  const auto all = snapshot();
  EXPECT_EQ(all.tenant(acme_.id)->name, "acme");
  EXPECT_EQ(all.tenant_by_name("globex")->id, globex_.id);
  EXPECT_EQ(all.tenant_by_name("nobody"), nullptr);
  EXPECT_EQ(all.domain_by_name("old.example")->id, domain.id);
  EXPECT_EQ(all.domain_by_name("new.example")->name, "new.example");
  EXPECT_EQ(all.domain_by_name("other.example"), nullptr);
}

TEST_F(SnapshotTest, ATenantWithAnAddressOfItsOwnUsesNoSharedOneInEitherFamily) {
  add_address("192.0.2.1", acme_.id);
  add_address("192.0.2.100", std::nullopt);
  add_address("2001:db8::100", std::nullopt);
  const auto all = snapshot();
  EXPECT_EQ(usable(all, acme_, Family::kIpv4), "192.0.2.1 ");
  EXPECT_EQ(usable(all, acme_, Family::kIpv6), "");
  EXPECT_EQ(usable(all, poor_, Family::kIpv4), "192.0.2.100 ");
  EXPECT_EQ(usable(all, poor_, Family::kIpv6), "2001:db8::100 ");
}

TEST_F(SnapshotTest, PutsTheDefaultFirst) {
  add_address("192.0.2.1", acme_.id);
  clock_.advance(std::chrono::seconds{1});
  add_address("192.0.2.2", acme_.id);
  clock_.advance(std::chrono::seconds{1});
  add_address("192.0.2.3", acme_.id, true);
  EXPECT_EQ(usable(snapshot(), acme_, Family::kIpv4), "192.0.2.3 192.0.2.1 192.0.2.2 ");
}

TEST_F(SnapshotTest, ServesOnADedicatedAddressOnlyItsTenantAndOnASharedOneThoseWithout) {
  add_address("192.0.2.1", acme_.id);
  add_address("192.0.2.100", std::nullopt);
  const auto all = snapshot();
  EXPECT_TRUE(all.is_served_on(acme_.id, ip("192.0.2.1")));
  EXPECT_FALSE(all.is_served_on(globex_.id, ip("192.0.2.1")));
  EXPECT_FALSE(all.is_served_on(acme_.id, ip("192.0.2.100")));
  EXPECT_TRUE(all.is_served_on(globex_.id, ip("192.0.2.100")));
  EXPECT_TRUE(all.is_served_on(acme_.id, ip("127.0.0.1")));
}

TEST_F(SnapshotTest, ATenantThatLosesItsLastAddressUsesNoSharedOneUntilToldTo) {
  const auto own = add_address("192.0.2.1", acme_.id);
  add_address("192.0.2.100", std::nullopt);
  ASSERT_TRUE(directory_->remove_address(own.id));
  const auto all = snapshot();
  EXPECT_EQ(usable(all, acme_, Family::kIpv4), "");
  EXPECT_FALSE(all.is_served_on(acme_.id, ip("192.0.2.100")));
  auto acme = *all.tenant(acme_.id);
  acme.shares_addresses = true;
  ASSERT_TRUE(directory_->update_tenant(acme));
  EXPECT_EQ(usable(snapshot(), acme_, Family::kIpv4), "192.0.2.100 ");
  EXPECT_TRUE(snapshot().is_served_on(acme_.id, ip("192.0.2.100")));
}

TEST_F(SnapshotTest, AnAddressThatMovesAwayOrBecomesSharedLeavesItsTenantWithout) {
  auto moved = add_address("192.0.2.1", acme_.id);
  auto opened = add_address("192.0.2.2", globex_.id);
  moved.tenant = poor_.id;
  opened.tenant.reset();
  ASSERT_TRUE(directory_->update_address(moved));
  ASSERT_TRUE(directory_->update_address(opened));
  const auto all = snapshot();
  EXPECT_EQ(usable(all, acme_, Family::kIpv4), "");
  EXPECT_EQ(usable(all, globex_, Family::kIpv4), "");
  EXPECT_EQ(usable(all, poor_, Family::kIpv4), "192.0.2.1 ");
  EXPECT_FALSE(all.tenant(poor_.id)->shares_addresses);
}

TEST_F(SnapshotTest, AChangeOfAnAddressThatATenantHasAlreadyLeavesItsPermissionToShare) {
  auto own = add_address("192.0.2.1", acme_.id);
  auto acme = *snapshot().tenant(acme_.id);
  acme.shares_addresses = true;
  ASSERT_TRUE(directory_->update_tenant(acme));
  own.helo = "mail.acme.example";
  ASSERT_TRUE(directory_->update_address(own));
  EXPECT_TRUE(snapshot().tenant(acme_.id)->shares_addresses);
  add_address("192.0.2.2", acme_.id);
  EXPECT_FALSE(snapshot().tenant(acme_.id)->shares_addresses);
}

TEST_F(SnapshotTest, ATenantThatIsGoneMayUseNoAddress) {
  add_address("192.0.2.100", std::nullopt);
  ASSERT_TRUE(directory_->remove_tenant(poor_.id));
  EXPECT_EQ(usable(snapshot(), poor_, Family::kIpv4), "");
  EXPECT_FALSE(snapshot().is_served_on(poor_.id, ip("192.0.2.100")));
}

TEST_F(SnapshotTest, TheMostSpecificRouteWins) {
  add_route(std::nullopt, "*", "all.example");
  add_route(std::nullopt, "mail.example.com", "exact.example");
  add_route(acme_.id, "*.example.com", "suffix.example");
  add_route(acme_.id, "*.b.example.com", "longer.example");
  const auto all = snapshot();
  EXPECT_EQ(all.route(acme_.id, "mail.example.com")->host, "suffix.example");
  EXPECT_EQ(all.route(acme_.id, "a.b.example.com")->host, "longer.example");
  EXPECT_EQ(all.route(acme_.id, "example.com")->host, "all.example");
  EXPECT_EQ(all.route(globex_.id, "mail.example.com")->host, "exact.example");
  EXPECT_EQ(all.route(globex_.id, "a.b.example.com")->host, "all.example");
  EXPECT_EQ(all.route(globex_.id, "xexample.com")->host, "all.example");
}

TEST_F(SnapshotTest, WithoutARouteThereIsNone) {
  add_route(acme_.id, "*.example.com", "suffix.example");
  EXPECT_EQ(snapshot().route(globex_.id, "mail.example.com"), nullptr);
  EXPECT_EQ(snapshot().route(acme_.id, "notexample.com"), nullptr);
}

TEST_F(SnapshotTest, RecognisesAClientByTheLongestPrefixAmongTenantsServedThere) {
  add_domain(acme_, "acme.example");
  add_domain(globex_, "globex.example");
  const auto wide = add_client(acme_, "wide@acme.example", "198.51.100.0/24");
  const auto narrow = add_client(acme_, "narrow@acme.example", "198.51.100.7");
  const auto foreign = add_client(globex_, "web@globex.example", "198.51.100.7");
  add_address("192.0.2.1", acme_.id);
  add_address("192.0.2.2", globex_.id);
  const auto all = snapshot();
  EXPECT_EQ(all.account_by_client(ip("198.51.100.7"), ip("192.0.2.1"))->id, narrow.id);
  EXPECT_EQ(all.account_by_client(ip("198.51.100.8"), ip("192.0.2.1"))->id, wide.id);
  EXPECT_EQ(all.account_by_client(ip("198.51.100.7"), ip("192.0.2.2"))->id, foreign.id);
  EXPECT_EQ(all.account_by_client(ip("198.51.100.8"), ip("192.0.2.2")), nullptr);
  EXPECT_EQ(all.account_by_client(ip("2001:db8::7"), ip("192.0.2.1")), nullptr);
}

TEST_F(SnapshotTest, PassesOverSuspendedClients) {
  add_domain(acme_, "acme.example");
  add_client(acme_, "wide@acme.example", "2001:db8::/32");
  auto narrow = add_client(acme_, "narrow@acme.example", "2001:db8::/64");
  narrow.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_account(narrow));
  EXPECT_EQ(snapshot().account_by_client(ip("2001:db8::7"), ip("127.0.0.1"))->address.local, "wide");
  acme_.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_tenant(acme_));
  EXPECT_EQ(snapshot().account_by_client(ip("2001:db8::7"), ip("127.0.0.1")), nullptr);
}

TEST(SnapshotSize, TenThousandTenantsBuildInWellUnderATenthOfASecond) {
  const testlib::ManualClock clock;
  SystemRandom random;
  DirectorySnapshotRows rows;
  for (std::uint8_t i = 0; i < 100; ++i) {
    for (std::uint8_t j = 0; j < 100; ++j) {
      Tenant tenant;
      tenant.id = TenantId::make(clock, random);
      tenant.name = "tenant-" + std::to_string(i * 100 + j);
      Domain domain;
      domain.id = DomainId::make(clock, random);
      domain.tenant = tenant.id;
      domain.name = tenant.name + ".example";
      SourceAddress address;
      address.ip = IpAddress::v4({10, 0, i, j});
      address.tenant = tenant.id;
      rows.tenants.push_back(std::move(tenant));
      rows.domains.push_back(std::move(domain));
      rows.addresses.push_back(std::move(address));
    }
  }
  const auto began = std::chrono::steady_clock::now();
  const Snapshot snapshot{std::move(rows), {}};
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(snapshot.domain_by_name("tenant-9999.example")->name, "tenant-9999.example");
  RecordProperty("build_microseconds", std::to_string(took / std::chrono::microseconds{1}));
  // Ten times what it takes on a slow machine, so that only a change of its order of growth fails.
  EXPECT_LT(took, std::chrono::seconds{1});
}

}  // namespace
}  // namespace bulkhead::tenants

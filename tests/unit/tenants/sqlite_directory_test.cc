#include <thread>

#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

using TenantsTest = DirectoryTest;
using DomainsTest = DirectoryTest;
using SourceAddressesTest = DirectoryTest;
using RoutesTest = DirectoryTest;

TEST_F(TenantsTest, KeepsEveryFieldAcrossReopening) {
  const auto reseller = add_tenant("reseller");
  Tenant tenant;
  tenant.name = "acme";
  tenant.reseller = reseller.id;
  tenant.suspension = Suspension::kSuspended;
  tenant.certificate_pem = "-----BEGIN CERTIFICATE-----\n";
  tenant.key_pem = "-----BEGIN PRIVATE KEY-----\n";
  tenant.postmaster = "pm@example.com";
  tenant.feedback_address = "fbl@example.com";
  tenant.message_size_max = 1048576;
  tenant.recipients_max = 200;
  const auto created = directory_->create_tenant(tenant).value();
  reopen();
  const auto rows = directory_->snapshot_rows().value();
  ASSERT_EQ(rows.tenants.size(), 2U);
  const auto& read = rows.tenants[0].name == "acme" ? rows.tenants[0] : rows.tenants[1];
  EXPECT_EQ(read.id, created.id);
  EXPECT_EQ(read.reseller, reseller.id);
  EXPECT_EQ(read.suspension, Suspension::kSuspended);
  EXPECT_EQ(read.certificate_pem, tenant.certificate_pem);
  EXPECT_EQ(read.key_pem, tenant.key_pem);
  EXPECT_EQ(read.postmaster, "pm@example.com");
  EXPECT_EQ(read.feedback_address, "fbl@example.com");
  EXPECT_EQ(read.message_size_max, 1048576U);
  EXPECT_EQ(read.recipients_max, 200U);
  EXPECT_EQ(read.created_at, clock_.now());
}

TEST_F(TenantsTest, RefusesANameThatIsTakenAlsoWhenRenaming) {
  add_tenant("acme");
  auto other = add_tenant("globex");
  Tenant again;
  again.name = "acme";
  EXPECT_TRUE(fails_with(directory_->create_tenant(again), ErrorCode::kExists, "acme"));
  other.name = "acme";
  EXPECT_TRUE(fails_with(directory_->update_tenant(other), ErrorCode::kExists, "acme"));
}

TEST_F(TenantsTest, RenamingKeepsTheId) {
  auto tenant = add_tenant("acme");
  tenant.name = "acme-corp";
  EXPECT_EQ(directory_->update_tenant(tenant).value().id, tenant.id);
  EXPECT_EQ(directory_->snapshot_rows().value().tenants[0].name, "acme-corp");
}

TEST_F(TenantsTest, UpdatingOneThatDoesNotExistFindsNothing) {
  Tenant tenant;
  tenant.id = TenantId::make(clock_, random_);
  tenant.name = "ghost";
  EXPECT_TRUE(fails_with(directory_->update_tenant(tenant), ErrorCode::kNotFound, tenant.id.text()));
  EXPECT_TRUE(fails_with(directory_->remove_tenant(tenant.id), ErrorCode::kNotFound, tenant.id.text()));
}

TEST_F(TenantsTest, NestsResellersFourLevelsDeepAndNoDeeper) {
  const auto first = add_tenant("l1");
  const auto second = add_tenant("l2", first.id);
  const auto third = add_tenant("l3", second.id);
  const auto fourth = add_tenant("l4", third.id);
  Tenant fifth;
  fifth.name = "l5";
  fifth.reseller = fourth.id;
  EXPECT_TRUE(fails_with(directory_->create_tenant(fifth), ErrorCode::kConflict, "4 levels"));
}

TEST_F(TenantsTest, CountsTheLevelsBelowWhenATenantGetsAReseller) {
  const auto top = add_tenant("top");
  const auto middle = add_tenant("middle", top.id);
  auto root = add_tenant("root");
  const auto child = add_tenant("child", root.id);
  root.reseller = middle.id;
  EXPECT_TRUE(directory_->update_tenant(root));
  root.reseller.reset();
  ASSERT_TRUE(directory_->update_tenant(root));
  add_tenant("grandchild", child.id);
  root.reseller = middle.id;
  EXPECT_TRUE(fails_with(directory_->update_tenant(root), ErrorCode::kConflict, "4 levels"));
}

TEST_F(TenantsTest, RefusesCyclesOfResellersAndMissingOnes) {
  auto first = add_tenant("l1");
  const auto second = add_tenant("l2", first.id);
  first.reseller = second.id;
  EXPECT_TRUE(fails_with(directory_->update_tenant(first), ErrorCode::kConflict, "own reseller"));
  first.reseller = first.id;
  EXPECT_TRUE(fails_with(directory_->update_tenant(first), ErrorCode::kConflict, "own reseller"));
  Tenant orphan;
  orphan.name = "orphan";
  orphan.reseller = TenantId::make(clock_, random_);
  EXPECT_TRUE(fails_with(directory_->create_tenant(orphan), ErrorCode::kNotFound, "reseller"));
}

TEST_F(TenantsTest, IsRemovedOnlyWhenNothingBelongsToIt) {
  const auto tenant = add_tenant("acme");
  const auto domain = add_domain(tenant, "acme.example");
  const auto account = add_account(tenant, "jo@acme.example");
  const auto address = add_address("192.0.2.1", tenant.id);
  EXPECT_TRUE(fails_with(directory_->remove_tenant(tenant.id), ErrorCode::kConflict,
                         "acme still has 1 account, 1 domain, 1 address"));
  EXPECT_TRUE(fails_with(directory_->remove_domain(domain.id), ErrorCode::kConflict, "acme.example"));
  ASSERT_TRUE(directory_->remove_account(account.id));
  ASSERT_TRUE(directory_->remove_domain(domain.id));
  ASSERT_TRUE(directory_->remove_address(address.id));
  EXPECT_TRUE(directory_->remove_tenant(tenant.id));
  EXPECT_TRUE(directory_->snapshot_rows().value().tenants.empty());
}

TEST_F(TenantsTest, AFailedChangeLeavesNothingBehindAndKeepsTheVersion) {
  const auto tenant = add_tenant("acme");
  const auto before = directory_->snapshot_version().value();
  EXPECT_FALSE(directory_->remove_tenant(TenantId{}));
  Domain domain;
  domain.tenant = TenantId::make(clock_, random_);
  domain.name = "acme.example";
  EXPECT_TRUE(fails_with(directory_->create_domain(domain), ErrorCode::kNotFound, "no tenant"));
  EXPECT_EQ(directory_->snapshot_version().value(), before);
  add_domain(tenant, "acme.example");
  EXPECT_EQ(directory_->snapshot_version().value(), before + 1);
  EXPECT_EQ(directory_->snapshot_rows().value().version, before + 1);
}

TEST_F(DomainsTest, RenamingKeepsTheOldNameForAccountsAndAliases) {
  const auto tenant = add_tenant("acme");
  auto domain = add_domain(tenant, "old.example");
  const auto account = add_account(tenant, "jo@old.example");
  add_alias(tenant, "sales@old.example", {"jo@old.example"});
  domain.name = "new.example";
  EXPECT_EQ(directory_->update_domain(domain).value().former_names, std::vector<std::string>{"old.example"});
  EXPECT_EQ(directory_->account_by_address(at("jo@old.example")).value()->id, account.id);
  EXPECT_EQ(directory_->account_by_address(at("jo@new.example")).value()->address, at("jo@new.example"));
  EXPECT_EQ(directory_->alias_by_address(at("sales@old.example")).value()->from, at("sales@new.example"));
  const auto rows = directory_->snapshot_rows().value();
  EXPECT_EQ(rows.domains[0].name, "new.example");
  EXPECT_EQ(rows.domains[0].former_names, std::vector<std::string>{"old.example"});
}

TEST_F(DomainsTest, TakesItsOldNameUpAgain) {
  const auto tenant = add_tenant("acme");
  auto domain = add_domain(tenant, "old.example");
  domain.name = "new.example";
  ASSERT_TRUE(directory_->update_domain(domain));
  domain.name = "old.example";
  EXPECT_EQ(directory_->update_domain(domain).value().former_names, std::vector<std::string>{"new.example"});
}

TEST_F(DomainsTest, AFormerNameIsTakenUntilItIsGivenUp) {
  const auto tenant = add_tenant("acme");
  const auto other = add_tenant("globex");
  auto domain = add_domain(tenant, "old.example");
  domain.name = "new.example";
  ASSERT_TRUE(directory_->update_domain(domain));
  Domain again;
  again.tenant = other.id;
  again.name = "old.example";
  EXPECT_TRUE(fails_with(directory_->create_domain(again), ErrorCode::kExists, "old.example"));
  EXPECT_TRUE(fails_with(directory_->remove_former_name(domain.id, "new.example"), ErrorCode::kConflict, "present"));
  EXPECT_TRUE(fails_with(directory_->remove_former_name(domain.id, "no.example"), ErrorCode::kNotFound, "no.example"));
  ASSERT_TRUE(directory_->remove_former_name(domain.id, "old.example"));
  EXPECT_TRUE(directory_->create_domain(again));
}

TEST_F(DomainsTest, AnUpdateInAnotherTenantsNameFindsNothing) {
  const auto tenant = add_tenant("acme");
  const auto other = add_tenant("globex");
  auto domain = add_domain(tenant, "acme.example");
  domain.tenant = other.id;
  EXPECT_TRUE(fails_with(directory_->update_domain(domain), ErrorCode::kNotFound, "no domain"));
  EXPECT_EQ(directory_->snapshot_rows().value().domains[0].tenant, tenant.id);
}

TEST_F(SourceAddressesTest, MoveToAnotherTenantAndBackToShared) {
  const auto tenant = add_tenant("acme");
  auto address = add_address("192.0.2.1", std::nullopt);
  address.tenant = tenant.id;
  address.helo = "mail.acme.example";
  EXPECT_EQ(directory_->update_address(address).value().tenant, tenant.id);
  EXPECT_EQ(directory_->snapshot_rows().value().addresses[0].helo, "mail.acme.example");
  address.tenant.reset();
  EXPECT_FALSE(directory_->update_address(address).value().tenant.has_value());
}

TEST_F(SourceAddressesTest, ANewDefaultReplacesTheOldOneOfItsFamilyAndOwnerOnly) {
  const auto tenant = add_tenant("acme");
  add_address("192.0.2.1", tenant.id, true);
  add_address("192.0.2.9", std::nullopt, true);
  add_address("2001:db8::1", tenant.id, true);
  add_address("192.0.2.2", tenant.id, true);
  std::string defaults;
  const auto rows = directory_->snapshot_rows().value();
  for (const auto& address : rows.addresses) {
    if (address.is_default) defaults += address.ip.text() + " ";
  }
  for (const auto* kept : {"192.0.2.9 ", "2001:db8::1 ", "192.0.2.2 "}) {
    EXPECT_NE(defaults.find(kept), std::string::npos) << defaults;
  }
  EXPECT_EQ(defaults.find("192.0.2.1 "), std::string::npos) << defaults;
}

TEST_F(SourceAddressesTest, BelongToOneOwner) {
  add_address("192.0.2.1", std::nullopt);
  SourceAddress again;
  again.ip = IpAddress::parse("::ffff:192.0.2.1").value();
  EXPECT_TRUE(fails_with(directory_->create_address(again), ErrorCode::kExists, "192.0.2.1"));
}

TEST_F(RoutesTest, OnePatternHasOneRouteForEachTenantAndOneForAll) {
  const auto tenant = add_tenant("acme");
  Route route;
  route.pattern = "*.example.com";
  route.host = "relay.example.net";
  ASSERT_TRUE(directory_->create_route(route));
  EXPECT_TRUE(fails_with(directory_->create_route(route), ErrorCode::kExists, "*.example.com"));
  route.tenant = tenant.id;
  const auto own = directory_->create_route(route);
  ASSERT_TRUE(own);
  EXPECT_TRUE(fails_with(directory_->create_route(route), ErrorCode::kExists, "*.example.com"));
  ASSERT_TRUE(directory_->remove_route(own->id));
  EXPECT_TRUE(fails_with(directory_->remove_route(own->id), ErrorCode::kNotFound, "no route"));
}

TEST_F(TenantsTest, ReadersSeeWholeChangesWhileAnotherThreadWrites) {
  const auto tenant = add_tenant("acme");
  std::atomic<bool> is_done{false};
  std::thread writer{[&] {
    for (int i = 0; i < 50; ++i) {
      const auto domain = add_domain(tenant, "d" + std::to_string(i) + ".example");
      EXPECT_TRUE(directory_->create_account(account_of(tenant, "jo@" + domain.name)));
    }
    is_done = true;
  }};
  std::uint64_t last = 0;
  while (!is_done) {
    const auto rows = directory_->snapshot_rows().value();
    // Each domain was one change after the tenant's: version and rows are of one moment.
    EXPECT_EQ(rows.version, rows.domains.size() + 2);
    EXPECT_GE(rows.version, last);
    last = rows.version;
  }
  writer.join();
  EXPECT_EQ(directory_->accounts(tenant.id, "", 1000).value().size(), 50U);
}

}  // namespace
}  // namespace bulkhead::tenants

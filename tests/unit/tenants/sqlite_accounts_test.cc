#include "tenants/live_directory.h"
#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

class AccountsTest : public DirectoryTest {
 protected:
  AccountsTest() : acme_(add_tenant("acme")), globex_(add_tenant("globex")) {
    add_domain(acme_, "acme.example");
    add_domain(globex_, "globex.example");
  }
  std::vector<std::string> page(const std::optional<TenantId>& tenant, std::string_view after, std::size_t limit) {
    std::vector<std::string> texts;
    const auto accounts = directory_->accounts(tenant, after, limit).value();
    for (const auto& account : accounts) {
      texts.push_back(account.address.text());
    }
    return texts;
  }
  Tenant acme_, globex_;
};
using AliasesTest = AccountsTest;
using Texts = std::vector<std::string>;

TEST_F(AccountsTest, KeepEveryField) {
  auto account = account_of(acme_, "Jo.Doe@acme.example");
  account.full_name = "Jo Doe, Zoë's boss";
  account.kind = AccountKind::kRoom;
  account.suspension = Suspension::kSuspended;
  account.password_hash = hash_password(Secret{"correct horse"}, random_).value();
  account.client_networks = {IpNetwork::parse("192.0.2.0/24").value(), IpNetwork::parse("2001:db8::7").value()};
  account.quota_bytes = 1234567890123;
  const auto id = directory_->create_account(account).value().id;
  const auto read = directory_->account_by_id(id).value().value();
  EXPECT_EQ(read.address, at("jo.doe@acme.example"));
  EXPECT_EQ(read.tenant, acme_.id);
  EXPECT_EQ(read.full_name, account.full_name);
  EXPECT_EQ(read.kind, AccountKind::kRoom);
  EXPECT_EQ(read.suspension, Suspension::kSuspended);
  EXPECT_EQ(read.password_hash, account.password_hash);
  EXPECT_EQ(read.client_networks, account.client_networks);
  EXPECT_EQ(read.quota_bytes, 1234567890123U);
  EXPECT_EQ(directory_->account_by_address(at("JO.DOE@acme.example")).value()->id, id);
  EXPECT_EQ(directory_->accounts_with_networks().value().size(), 1U);
}

TEST_F(AccountsTest, AreFoundNowhereElse) {
  add_account(acme_, "jo@acme.example");
  EXPECT_FALSE(directory_->account_by_address(at("jo@globex.example")).value().has_value());
  EXPECT_FALSE(directory_->account_by_address(at("jo@elsewhere.example")).value().has_value());
  EXPECT_FALSE(directory_->account_by_address(at("j@acme.example")).value().has_value());
  EXPECT_FALSE(directory_->account_by_id(AccountId::make(clock_, random_)).value().has_value());
}

TEST_F(AccountsTest, CannotBeMadeInAnotherTenantsDomain) {
  const auto missing = directory_->create_account(account_of(acme_, "jo@nowhere.example"));
  const auto foreign = directory_->create_account(account_of(acme_, "jo@globex.example"));
  EXPECT_TRUE(fails_with(missing, ErrorCode::kNotFound, "no domain nowhere.example"));
  EXPECT_TRUE(fails_with(foreign, ErrorCode::kNotFound, "no domain globex.example"));
}

TEST_F(AccountsTest, CannotBeChangedInAnotherTenantsName) {
  auto account = add_account(acme_, "jo@acme.example");
  account.tenant = globex_.id;
  EXPECT_TRUE(fails_with(directory_->update_account(account), ErrorCode::kNotFound, "no account"));
  account.tenant = acme_.id;
  account.address = at("jo@globex.example");
  EXPECT_TRUE(fails_with(directory_->update_account(account), ErrorCode::kNotFound, "no domain globex.example"));
  EXPECT_EQ(directory_->account_by_id(account.id).value()->address, at("jo@acme.example"));
}

TEST_F(AccountsTest, RenamingKeepsTheOldAddressAndTheId) {
  auto account = add_account(acme_, "jo@acme.example");
  account.address = at("joanna@acme.example");
  EXPECT_EQ(directory_->update_account(account).value().id, account.id);
  EXPECT_EQ(directory_->account_by_address(at("jo@acme.example")).value()->address, at("joanna@acme.example"));
  EXPECT_EQ(directory_->former_addresses(account.id).value(), std::vector{at("jo@acme.example")});
  EXPECT_EQ(page(acme_.id, "", 10), Texts{"joanna@acme.example"});
  EXPECT_TRUE(fails_with(directory_->create_account(account_of(acme_, "jo@acme.example")), ErrorCode::kExists,
                         "former address"));
}

TEST_F(AccountsTest, RenamingBackTakesTheOldAddressUpAgain) {
  auto account = add_account(acme_, "jo@acme.example");
  account.address = at("joanna@acme.example");
  ASSERT_TRUE(directory_->update_account(account));
  account.address = at("jo@acme.example");
  EXPECT_EQ(directory_->update_account(account).value().address, at("jo@acme.example"));
  EXPECT_EQ(directory_->former_addresses(account.id).value(), std::vector{at("joanna@acme.example")});
}

TEST_F(AccountsTest, GiveUpAFormerAddressButNotThePresentOne) {
  auto account = add_account(acme_, "jo@acme.example");
  const auto other = add_account(acme_, "al@acme.example");
  account.address = at("joanna@acme.example");
  ASSERT_TRUE(directory_->update_account(account));
  EXPECT_TRUE(fails_with(directory_->remove_former_address(other.id, at("jo@acme.example")), ErrorCode::kNotFound,
                         "no former address"));
  EXPECT_TRUE(fails_with(directory_->remove_former_address(account.id, at("joanna@acme.example")), ErrorCode::kConflict,
                         "present address"));
  ASSERT_TRUE(directory_->remove_former_address(account.id, at("Jo@acme.example")));
  EXPECT_TRUE(directory_->create_account(account_of(acme_, "jo@acme.example")));
}

TEST_F(AccountsTest, AreListedInPagesInOrderOfDomainThenLocalPart) {
  add_domain(acme_, "a.example");
  for (const auto* text : {"c@acme.example", "a@acme.example", "z@a.example", "b@acme.example"}) {
    add_account(acme_, text);
  }
  add_account(globex_, "a@globex.example");
  EXPECT_EQ(page(acme_.id, "", 2), (Texts{"z@a.example", "a@acme.example"}));
  EXPECT_EQ(page(acme_.id, "a@acme.example", 2), (Texts{"b@acme.example", "c@acme.example"}));
  EXPECT_EQ(page(acme_.id, "c@acme.example", 2), Texts{});
  EXPECT_EQ(page(std::nullopt, "b@acme.example", 9), (Texts{"c@acme.example", "a@globex.example"}));
  EXPECT_EQ(page(globex_.id, "a@acme.example", 9), Texts{"a@globex.example"});
}

TEST_F(AccountsTest, OneNetworkBelongsToOneAccountOfATenant) {
  auto first = account_of(acme_, "web@acme.example");
  first.client_networks = {IpNetwork::parse("192.0.2.7").value()};
  ASSERT_TRUE(directory_->create_account(first));
  auto second = account_of(acme_, "printer@acme.example");
  second.client_networks = first.client_networks;
  EXPECT_TRUE(fails_with(directory_->create_account(second), ErrorCode::kExists, "192.0.2.7/32"));
  EXPECT_FALSE(directory_->account_by_address(at("printer@acme.example")).value().has_value());
  auto foreign = account_of(globex_, "web@globex.example");
  foreign.client_networks = first.client_networks;
  EXPECT_TRUE(directory_->create_account(foreign));
}

TEST_F(AccountsTest, ChangeTheSnapshotVersionOnlyWithClientNetworks) {
  const auto before = directory_->snapshot_version().value();
  auto account = add_account(acme_, "jo@acme.example");
  EXPECT_EQ(directory_->snapshot_version().value(), before);
  account.client_networks = {IpNetwork::parse("192.0.2.7").value()};
  ASSERT_TRUE(directory_->update_account(account));
  EXPECT_EQ(directory_->snapshot_version().value(), before + 1);
  account.client_networks.clear();
  ASSERT_TRUE(directory_->update_account(account));
  EXPECT_EQ(directory_->snapshot_version().value(), before + 2);
}

TEST_F(AccountsTest, HostileNamesAreTextLikeAnyOther) {
  const auto account = add_account(acme_, "\"o'; DROP TABLE accounts; --\"@acme.example");
  add_account(acme_, "%@acme.example");
  EXPECT_EQ(directory_->account_by_address(account.address).value()->id, account.id);
  EXPECT_FALSE(directory_->account_by_address(at("_@acme.example")).value().has_value());
  EXPECT_EQ(page(acme_.id, account.address.text(), 9).size() + page(acme_.id, "%@acme.example", 9).size(), 1U);
}

TEST_F(AliasesTest, KeepTheirTargetsInOrder) {
  add_account(acme_, "jo@acme.example");
  const auto alias = add_alias(acme_, "Sales@acme.example", {"jo@acme.example", "Bob@Elsewhere.example"});
  const auto read = directory_->alias_by_address(at("sales@acme.example")).value().value();
  EXPECT_EQ(read.id, alias.id);
  EXPECT_EQ(read.tenant, acme_.id);
  EXPECT_EQ(read.to, (std::vector{at("jo@acme.example"), at("Bob@elsewhere.example")}));
  EXPECT_FALSE(directory_->account_by_address(at("sales@acme.example")).value().has_value());
  ASSERT_TRUE(directory_->remove_alias(alias.id));
  EXPECT_FALSE(directory_->alias_by_address(at("sales@acme.example")).value().has_value());
  EXPECT_TRUE(fails_with(directory_->remove_alias(alias.id), ErrorCode::kNotFound, "no alias"));
}

TEST_F(AliasesTest, ShareOneNameSpaceWithAccounts) {
  add_account(acme_, "jo@acme.example");
  add_alias(acme_, "sales@acme.example", {"jo@acme.example"});
  EXPECT_TRUE(fails_with(directory_->create_alias(alias_of(acme_, "jo@acme.example", {"a@b.example"})),
                         ErrorCode::kExists, "account jo@acme.example"));
  EXPECT_TRUE(fails_with(directory_->create_alias(alias_of(acme_, "SALES@acme.example", {"a@b.example"})),
                         ErrorCode::kExists, "alias"));
  EXPECT_TRUE(
      fails_with(directory_->create_account(account_of(acme_, "sales@acme.example")), ErrorCode::kExists, "alias"));
}

TEST_F(AliasesTest, CannotBeMadeInAnotherTenantsDomain) {
  EXPECT_TRUE(fails_with(directory_->create_alias(alias_of(acme_, "x@globex.example", {"a@b.example"})),
                         ErrorCode::kNotFound, "no domain globex.example"));
  add_alias(globex_, "x@globex.example", {"a@b.example"});
  EXPECT_TRUE(directory_->aliases(acme_.id, "", 10).value().empty());
  EXPECT_EQ(directory_->aliases(globex_.id, "", 10).value().size(), 1U);
  EXPECT_EQ(directory_->aliases(std::nullopt, "a@acme.example", 10).value()[0].to, std::vector{at("a@b.example")});
}

TEST_F(AliasesTest, KeepTheAccountTheyLeadToFromBeingRemoved) {
  auto account = add_account(acme_, "jo@acme.example");
  const auto alias = add_alias(acme_, "sales@acme.example", {"JO@acme.example"});
  account.address = at("joanna@acme.example");
  ASSERT_TRUE(directory_->update_account(account));
  EXPECT_TRUE(fails_with(directory_->remove_account(account.id), ErrorCode::kConflict, "sales@acme.example"));
  ASSERT_TRUE(directory_->remove_alias(alias.id));
  EXPECT_TRUE(directory_->remove_account(account.id));
  EXPECT_FALSE(directory_->account_by_address(at("jo@acme.example")).value().has_value());
}

}  // namespace
}  // namespace bulkhead::tenants

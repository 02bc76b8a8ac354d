#include "tenants/live_directory.h"

#include <algorithm>
#include <thread>

#include <sqlite3.h>

#include "tests/testlib/shard_runner.h"
#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

using Kind = Resolution::Kind;

class LiveDirectoryTest : public DirectoryTest {
 protected:
  explicit LiveDirectoryTest(LiveDirectoryLimits limits = {})
      : acme_(add_tenant("acme")), globex_(add_tenant("globex")) {
    acme_domain_ = add_domain(acme_, "acme.example");
    add_domain(globex_, "globex.example");
    live_ = LiveDirectory::load({*directory_, pool_, runner_.log(), clock_, random_}, limits).value();
  }

  Resolution resolve(std::string_view address) {
    return runner_.run(live_->resolve(runner_.shard(), at(address))).value();
  }
  // Where an address leads: "jo@acme.example" for accounts, ">x@y" for forwards, in alphabetical order.
  std::string leads_to(std::string_view address) {
    const auto resolution = resolve(address);
    std::vector<std::string> texts;
    for (const auto& account : resolution.accounts) texts.push_back(account.address.text());
    for (const auto& forward : resolution.forwards) texts.push_back(">" + forward.text());
    std::sort(texts.begin(), texts.end());
    std::string joined;
    for (const auto& text : texts) joined += text + " ";
    return joined;
  }
  void add_person(const std::string& address, const std::string& password) {
    auto account = account_of(acme_, address);
    account.password_hash = hash_password(Secret{password}, random_).value();
    ASSERT_TRUE(directory_->create_account(account));
  }
  Result<std::optional<Account>> sign_in(std::string_view user, const std::string& password) {
    return runner_.run(live_->sign_in(runner_.shard(), at(user), Secret{password}));
  }
  bool may_send(const Account& account, std::string_view sender) {
    return runner_.run(live_->may_send_as(runner_.shard(), account, at(sender))).value();
  }
  void refresh() { ASSERT_TRUE(live_->refresh()); }

  Tenant acme_, globex_;
  Domain acme_domain_;
  testlib::ShardRunner runner_;
  net::BlockingPool pool_{2, 64};
  std::unique_ptr<LiveDirectory> live_;
};
using ResolveTest = LiveDirectoryTest;
using SignInTest = LiveDirectoryTest;
using MaySendAsTest = LiveDirectoryTest;

TEST_F(ResolveTest, FindsAnAccountInAnyCaseAndWithATag) {
  add_account(acme_, "jo@acme.example");
  for (const auto* text : {"jo@acme.example", "JO@ACME.example", "Jo+news@acme.example", "jo+a+b@acme.example"}) {
    EXPECT_EQ(leads_to(text), "jo@acme.example ") << text;
  }
  EXPECT_EQ(resolve("jo@acme.example").tenant, acme_.id);
}

TEST_F(ResolveTest, TellsRemoteFromUnknown) {
  EXPECT_EQ(resolve("jo@elsewhere.example").kind, Kind::kRemote);
  EXPECT_EQ(resolve("jo@acme.example").kind, Kind::kUnknown);
  EXPECT_EQ(resolve("+tag@acme.example").kind, Kind::kUnknown);
  EXPECT_EQ(resolve("jo@acme.example").tenant, acme_.id);
}

TEST_F(ResolveTest, AnExactAliasWithAPlusComesBeforeTheTag) {
  add_account(acme_, "jo@acme.example");
  add_account(acme_, "al@acme.example");
  add_alias(acme_, "jo+vip@acme.example", {"al@acme.example"});
  EXPECT_EQ(leads_to("jo+vip@acme.example"), "al@acme.example ");
  EXPECT_EQ(leads_to("jo+other@acme.example"), "jo@acme.example ");
}

TEST_F(ResolveTest, FollowsNestedAliasesToEachTargetOnce) {
  add_account(acme_, "jo@acme.example");
  add_account(acme_, "al@acme.example");
  add_alias(acme_, "two@acme.example", {"jo@acme.example", "AL@acme.example", "x@remote.example"});
  add_alias(acme_, "one@acme.example", {"two@acme.example", "jo+tag@acme.example", "x@remote.example"});
  EXPECT_EQ(leads_to("one@acme.example"), ">x@remote.example al@acme.example jo@acme.example ");
}

TEST_F(ResolveTest, AnotherTenantsAccountIsATargetToo) {
  add_account(globex_, "jo@globex.example");
  add_alias(acme_, "one@acme.example", {"jo@globex.example"});
  EXPECT_EQ(leads_to("one@acme.example"), "jo@globex.example ");
}

TEST_F(ResolveTest, EndsLoops) {
  add_account(acme_, "jo@acme.example");
  add_alias(acme_, "a@acme.example", {"b@acme.example"});
  add_alias(acme_, "b@acme.example", {"a@acme.example"});
  add_alias(acme_, "c@acme.example", {"d@acme.example", "jo@acme.example"});
  add_alias(acme_, "d@acme.example", {"c@acme.example"});
  EXPECT_EQ(resolve("a@acme.example").kind, Kind::kLoop);
  EXPECT_EQ(leads_to("c@acme.example"), "jo@acme.example ");
}

TEST_F(ResolveTest, FollowsTenLevelsOfAliasesAndNoMore) {
  add_account(acme_, "jo@acme.example");
  std::string target = "jo@acme.example";
  for (int level = 1; level <= 11; ++level) {
    const auto alias = "level" + std::to_string(level) + "@acme.example";
    add_alias(acme_, alias, {target});
    target = alias;
  }
  EXPECT_EQ(leads_to("level9@acme.example"), "jo@acme.example ");
  EXPECT_EQ(leads_to("level10@acme.example"), "jo@acme.example ");
  EXPECT_EQ(resolve("level11@acme.example").kind, Kind::kLoop);
}

TEST_F(ResolveTest, FollowsAThousandTargetsAndNoMore) {
  std::vector<std::string> remote;
  for (int i = 0; i < 999; ++i) remote.push_back("r" + std::to_string(i) + "@remote.example");
  add_alias(acme_, "n999@acme.example", remote);
  remote.push_back("last@remote.example");
  add_alias(acme_, "n1000@acme.example", remote);
  add_alias(acme_, "n1001@acme.example", {"n1000@acme.example", "one-more@remote.example"});
  EXPECT_EQ(resolve("n999@acme.example").forwards.size(), 999U);
  EXPECT_EQ(resolve("n1000@acme.example").forwards.size(), 1000U);
  EXPECT_EQ(resolve("n1001@acme.example").kind, Kind::kLoop);
  EXPECT_TRUE(resolve("n1001@acme.example").forwards.empty());
}

TEST_F(ResolveTest, TheCatchAllTakesWhatNobodyHas) {
  add_account(acme_, "jo@acme.example");
  add_account(acme_, "rest@acme.example");
  acme_domain_.catch_all = "rest@acme.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_EQ(leads_to("anything@acme.example"), "rest@acme.example ");
  EXPECT_EQ(leads_to("jo+x@acme.example"), "jo@acme.example ");
}

TEST_F(ResolveTest, ACatchAllThatLeadsNowhereEnds) {
  acme_domain_.catch_all = "nobody@acme.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_EQ(resolve("anything@acme.example").kind, Kind::kUnknown);
  EXPECT_EQ(resolve("nobody@acme.example").kind, Kind::kUnknown);
  add_alias(acme_, "old@acme.example", {"gone@acme.example"});
  acme_domain_.catch_all = "Old@acme.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_EQ(resolve("anything@acme.example").kind, Kind::kUnknown);
}

TEST_F(ResolveTest, ACatchAllThatLeadsInACircleIsALoop) {
  add_alias(acme_, "a@acme.example", {"b@acme.example"});
  add_alias(acme_, "b@acme.example", {"a@acme.example"});
  acme_domain_.catch_all = "a@acme.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_EQ(resolve("anything@acme.example").kind, Kind::kLoop);
}

TEST_F(ResolveTest, PostmasterGoesToTheTenantsUnlessThereIsOne) {
  add_account(acme_, "jo@acme.example");
  acme_.postmaster = "jo@acme.example";
  ASSERT_TRUE(directory_->update_tenant(acme_));
  refresh();
  EXPECT_EQ(leads_to("PostMaster@acme.example"), "jo@acme.example ");
  EXPECT_EQ(resolve("postmaster@globex.example").kind, Kind::kUnknown);
  add_account(acme_, "postmaster@acme.example");
  refresh();
  EXPECT_EQ(leads_to("postmaster@acme.example"), "postmaster@acme.example ");
}

TEST_F(ResolveTest, TheFeedbackAddressIsTakenThoughNobodyHasAMailboxThere) {
  add_account(acme_, "jo@acme.example");
  acme_.feedback_address = "fbl@acme.example";
  acme_domain_.catch_all = "jo@acme.example";
  ASSERT_TRUE(directory_->update_tenant(acme_));
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  for (const auto* address : {"fbl@acme.example", "FBL@acme.example", "fbl+jmrp@acme.example"}) {
    const auto resolution = resolve(address);
    EXPECT_EQ(resolution.kind, Kind::kTargets) << address;
    EXPECT_TRUE(resolution.is_feedback) << address;
    EXPECT_TRUE(resolution.accounts.empty()) << "the catch-all gets nothing of it";
  }
  EXPECT_FALSE(resolve("fbl2@acme.example").is_feedback);
  EXPECT_EQ(resolve("fbl@globex.example").kind, Kind::kUnknown);
  add_account(acme_, "fbl@acme.example");
  refresh();
  EXPECT_EQ(leads_to("fbl@acme.example"), "fbl@acme.example ");
  EXPECT_TRUE(resolve("fbl@acme.example").is_feedback);
}

TEST_F(ResolveTest, ReportsAreReadThoughTheMailboxOfTheirAddressIsSuspended) {
  acme_.feedback_address = "fbl@acme.example";
  ASSERT_TRUE(directory_->update_tenant(acme_));
  auto account = account_of(acme_, "fbl@acme.example");
  account.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->create_account(account));
  refresh();
  const auto resolution = resolve("fbl@acme.example");
  EXPECT_EQ(resolution.kind, Kind::kTargets);
  EXPECT_TRUE(resolution.is_feedback);
  EXPECT_TRUE(resolution.accounts.empty());
}

TEST_F(ResolveTest, TheFeedbackAddressSurvivesARenamingOfItsDomain) {
  acme_.feedback_address = "fbl@acme.example";
  ASSERT_TRUE(directory_->update_tenant(acme_));
  acme_domain_.name = "acme-new.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  add_domain(acme_, "third.example");
  refresh();
  for (const auto* address : {"fbl@acme.example", "FBL+jmrp@acme.example", "fbl@acme-new.example"}) {
    EXPECT_TRUE(resolve(address).is_feedback) << address;
  }
  EXPECT_FALSE(resolve("fbl@third.example").is_feedback);
  EXPECT_FALSE(resolve("fbl2@acme-new.example").is_feedback);
}

TEST_F(ResolveTest, PostmasterFallsBackToTheOldestActivePerson) {
  auto room = account_of(acme_, "a-room@acme.example");
  room.kind = AccountKind::kRoom;
  ASSERT_TRUE(directory_->create_account(room));
  clock_.advance(std::chrono::seconds{1});
  auto oldest = add_account(acme_, "zoe@acme.example");
  clock_.advance(std::chrono::seconds{1});
  add_account(acme_, "al@acme.example");
  EXPECT_EQ(leads_to("Postmaster@acme.example"), "zoe@acme.example ");
  EXPECT_EQ(leads_to("postmaster+dmarc@acme.example"), "zoe@acme.example ");
  EXPECT_EQ(resolve("nobody@acme.example").kind, Kind::kUnknown);
  EXPECT_EQ(resolve("postmaster@globex.example").kind, Kind::kUnknown);
  EXPECT_FALSE(may_send(oldest, "postmaster@acme.example"));
  oldest.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_account(oldest));
  refresh();
  EXPECT_EQ(leads_to("postmaster@acme.example"), "al@acme.example ");
}

TEST_F(ResolveTest, FindsFormerNamesOfDomainsAndFormerAddressesOfAccounts) {
  auto account = add_account(acme_, "jo@acme.example");
  account.address = at("joanna@acme.example");
  ASSERT_TRUE(directory_->update_account(account));
  acme_domain_.name = "acme-new.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_EQ(leads_to("jo@acme.example"), "joanna@acme-new.example ");
  EXPECT_EQ(leads_to("joanna@acme-new.example"), "joanna@acme-new.example ");
}

TEST_F(ResolveTest, MarksSuspendedAccountsAndTenants) {
  add_account(acme_, "al@acme.example");
  auto account = add_account(acme_, "jo@acme.example");
  account.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_account(account));
  add_alias(acme_, "both@acme.example", {"jo@acme.example", "al@acme.example"});
  EXPECT_EQ(resolve("jo@acme.example").kind, Kind::kSuspended);
  EXPECT_EQ(leads_to("jo@acme.example"), "jo@acme.example ");
  EXPECT_EQ(leads_to("both@acme.example"), "al@acme.example ");
  acme_.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_tenant(acme_));
  refresh();
  EXPECT_EQ(resolve("al@acme.example").kind, Kind::kSuspended);
}

TEST_F(ResolveTest, ForgetsUnknownAddressesOnlyOnRefresh) {
  EXPECT_EQ(resolve("jo@acme.example").kind, Kind::kUnknown);
  add_account(acme_, "jo@acme.example");
  EXPECT_EQ(resolve("jo@acme.example").kind, Kind::kUnknown);
  refresh();
  EXPECT_EQ(resolve("jo@acme.example").kind, Kind::kTargets);
}

TEST_F(ResolveTest, ForgetsOnlyWhatAChangeTouched) {
  const auto known = [&](const char* address) { return resolve(address).kind == Kind::kTargets; };
  EXPECT_FALSE(known("jo@acme.example") || known("al@acme.example"));
  const auto jo = add_account(acme_, "jo@acme.example");
  add_account(acme_, "al@acme.example");
  ASSERT_TRUE(live_->refresh(Touched{.addresses = {at("Jo@acme.example")}}));
  EXPECT_TRUE(known("jo@acme.example"));
  EXPECT_FALSE(known("al@acme.example")) << "it was not named: what is cached stays";
  ASSERT_TRUE(directory_->remove_account(jo.id));
  add_domain(acme_, "second.example");
  ASSERT_TRUE(live_->refresh(Touched::nothing()));
  EXPECT_NE(live_->snapshot()->domain_by_name("second.example"), nullptr);
  EXPECT_TRUE(known("jo@acme.example"));
  refresh();
  EXPECT_FALSE(known("jo@acme.example"));
  EXPECT_TRUE(known("al@acme.example"));
}

TEST_F(LiveDirectoryTest, TellsObserversOfNewSnapshotsOnly) {
  std::vector<std::uint64_t> seen;
  live_->on_change([&](const SnapshotPtr& snapshot) { seen.push_back(snapshot->version()); });
  add_account(acme_, "jo@acme.example");
  refresh();
  EXPECT_TRUE(seen.empty());
  add_domain(acme_, "second.example");
  refresh();
  EXPECT_EQ(seen, std::vector{directory_->snapshot_version().value()});
  EXPECT_NE(live_->snapshot()->domain_by_name("second.example"), nullptr);
}

TEST_F(LiveDirectoryTest, FindsAccountsByIdAndByAddress) {
  const auto account = add_account(acme_, "jo@acme.example");
  const auto by_id = [&](const AccountId& id) {
    return runner_.run(live_->account_by_id(runner_.shard(), id)).value();
  };
  EXPECT_EQ(by_id(account.id)->address, account.address);
  EXPECT_FALSE(by_id(AccountId::make(clock_, random_)).has_value());
  const auto find = [&](const char* text) {
    return runner_.run(live_->account_by_address(runner_.shard(), at(text))).value();
  };
  EXPECT_EQ(find("JO@acme.example")->id, account.id);
  EXPECT_FALSE(find("jo+tag@acme.example").has_value());
  EXPECT_FALSE(find("jo@elsewhere.example").has_value());
}

TEST_F(SignInTest, AcceptsTheRightPasswordOnly) {
  add_person("jo@acme.example", "right");
  add_account(acme_, "room@acme.example");
  EXPECT_EQ(sign_in("Jo@acme.example", "right").value()->address, at("jo@acme.example"));
  EXPECT_FALSE(sign_in("jo@acme.example", "wrong").value().has_value());
  EXPECT_FALSE(sign_in("jo@acme.example", "").value().has_value());
  EXPECT_FALSE(sign_in("jo+tag@acme.example", "right").value().has_value());
  EXPECT_FALSE(sign_in("room@acme.example", "right").value().has_value());
  EXPECT_FALSE(sign_in("nobody@acme.example", "right").value().has_value());
  EXPECT_FALSE(sign_in("jo@elsewhere.example", "right").value().has_value());
}

TEST_F(SignInTest, RemembersNoPasswordForAnotherAccountOrAfterAChange) {
  add_person("jo@acme.example", "first");
  add_person("al@acme.example", "other");
  ASSERT_TRUE(sign_in("jo@acme.example", "first").value().has_value());
  EXPECT_FALSE(sign_in("al@acme.example", "first").value().has_value());
  auto account = directory_->account_by_address(at("jo@acme.example")).value().value();
  account.password_hash = hash_password(Secret{"second"}, random_).value();
  ASSERT_TRUE(directory_->update_account(account));
  refresh();
  EXPECT_FALSE(sign_in("jo@acme.example", "first").value().has_value());
  EXPECT_TRUE(sign_in("jo@acme.example", "second").value().has_value());
}

TEST_F(SignInTest, RefusesSuspendedAccountsAndTenantsAtOnce) {
  add_person("jo@acme.example", "right");
  ASSERT_TRUE(sign_in("jo@acme.example", "right").value().has_value());
  acme_.suspension = Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_tenant(acme_));
  refresh();
  EXPECT_FALSE(sign_in("jo@acme.example", "right").value().has_value());
}

class OneHashAtOnceTest : public LiveDirectoryTest {
 protected:
  OneHashAtOnceTest() : LiveDirectoryTest({.cache_entries_max = 64, .hash_threads = 1, .hash_waiting_max = 1}) {}
};

TEST_F(LiveDirectoryTest, GoesOnWithWhatIsCachedWhenTheDatabaseIsAway) {
  add_account(acme_, "jo@acme.example");
  EXPECT_EQ(leads_to("jo@acme.example"), "jo@acme.example ");
  {
    // Another program drops what the lookups need: each of them fails from now on.
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.file("directory.db").c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, "DROP TABLE mail_addresses", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  }
  runner_.log().expect("database is away");
  EXPECT_EQ(leads_to("jo@acme.example"), "jo@acme.example ");
  const auto unknown = runner_.run(live_->resolve(runner_.shard(), at("al@acme.example")));
  EXPECT_TRUE(fails_with(unknown, ErrorCode::kUnavailable, "mail_addresses"));
  const auto guess = sign_in("al@acme.example", "x");
  EXPECT_TRUE(fails_with(guess, ErrorCode::kUnavailable, "mail_addresses"));
  EXPECT_EQ(resolve("jo@elsewhere.example").kind, Kind::kRemote);
}

TEST_F(MaySendAsTest, AllowsOwnAddressesWithTagsAndFormerOnes) {
  auto account = add_account(acme_, "jo@acme.example");
  account.address = at("joanna@acme.example");
  account = directory_->update_account(account).value();
  EXPECT_TRUE(may_send(account, "joanna@acme.example"));
  EXPECT_TRUE(may_send(account, "JOANNA+tag@acme.example"));
  EXPECT_TRUE(may_send(account, "jo@acme.example"));
}

TEST_F(MaySendAsTest, AllowsAliasesThatLeadToTheAccountOnly) {
  const auto jo = add_account(acme_, "jo@acme.example");
  const auto al = add_account(acme_, "al@acme.example");
  add_alias(acme_, "sales@acme.example", {"team@acme.example"});
  add_alias(acme_, "team@acme.example", {"jo@acme.example", "x@remote.example"});
  EXPECT_TRUE(may_send(jo, "sales@acme.example"));
  EXPECT_FALSE(may_send(al, "sales@acme.example"));
  EXPECT_FALSE(may_send(jo, "al@acme.example"));
}

TEST_F(MaySendAsTest, RefusesForeignUnknownAndCatchAllAddresses) {
  const auto jo = add_account(acme_, "jo@acme.example");
  add_account(globex_, "jo@globex.example");
  add_alias(globex_, "x@globex.example", {"jo@acme.example"});
  acme_domain_.catch_all = "jo@acme.example";
  ASSERT_TRUE(directory_->update_domain(acme_domain_));
  refresh();
  EXPECT_FALSE(may_send(jo, "jo@globex.example"));
  EXPECT_FALSE(may_send(jo, "x@globex.example"));
  EXPECT_FALSE(may_send(jo, "jo@elsewhere.example"));
  EXPECT_FALSE(may_send(jo, "ceo@acme.example"));
}

TEST_F(MaySendAsTest, WithClientNetworksAnyAddressOfTheTenantsDomainsIsAllowed) {
  auto web = account_of(acme_, "web@acme.example");
  web.client_networks = {IpNetwork::parse("192.0.2.7").value()};
  web = directory_->create_account(web).value();
  EXPECT_TRUE(may_send(web, "no-reply@acme.example"));
  EXPECT_FALSE(may_send(web, "no-reply@globex.example"));
  EXPECT_FALSE(may_send(web, "no-reply@elsewhere.example"));
}

Task<void> count_sign_in(LiveDirectory& live, net::Shard& shard, int& refused, int& answered) {
  auto sign_it = live.sign_in(shard, at("nobody@acme.example"), Secret{"x"});
  const auto result = co_await std::move(sign_it);
  if (!result && result.error().code == ErrorCode::kUnavailable) ++refused;
  ++answered;
}

TEST_F(OneHashAtOnceTest, RefusesWhenTooManyWait) {
  int refused = 0;
  int answered = 0;
  resolve("nobody@acme.example");  // cached, so that only the hashes queue
  runner_.call([&] {
    for (int i = 0; i < 50; ++i) runner_.group().spawn(count_sign_in(*live_, runner_.shard(), refused, answered));
  });
  runner_.run(runner_.group().join());
  EXPECT_EQ(answered, 50);
  EXPECT_GE(refused, 1);
  EXPECT_LT(refused, 50);
}

TEST_F(LiveDirectoryTest, ReadersAndRefreshMeetWithoutHarm) {
  add_account(acme_, "jo@acme.example");
  std::thread changer{[&] {
    for (int i = 0; i < 30; ++i) {
      add_domain(acme_, "d" + std::to_string(i) + ".example");
      EXPECT_TRUE(live_->refresh());
    }
  }};
  std::uint64_t last = 0;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(leads_to("jo@acme.example"), "jo@acme.example ");
    const auto version = live_->snapshot()->version();
    EXPECT_GE(version, last);
    last = version;
  }
  changer.join();
  EXPECT_EQ(live_->snapshot()->domains().size(), 32U);
}

}  // namespace
}  // namespace bulkhead::tenants

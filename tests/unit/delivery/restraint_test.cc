#include <gtest/gtest.h>

#include "src/delivery/site_gate.h"
#include "tests/testlib/fake_directory.h"

namespace bulkhead::delivery {
namespace {

using reputation::Key;
using reputation::Restriction;
using reputation::RestrictionMap;
using reputation::State;
using std::chrono::hours;
using Scope = queue::Pause::Scope;

class RestraintTest : public ::testing::Test {
 protected:
  RestraintTest() {
    acme_ = directory_.add_tenant("acme");
    directory_.rows.tenants.back().created_at = clock_.now();
    directory_.add_address("192.0.2.10", std::nullopt, "");
    directory_.rows.addresses.back().created_at = clock_.now();
    directory_.rows.warm_up.clear();
    directory_.publish();
    message_.tenant = acme_;
    message_.account = AccountId::make(clock_, random_);
    message_.account_name = "info@acme.example";
    message_.sender.address = mail::Address{"info", "acme.example"};
    lane_ = {acme_, *IpAddress::parse("192.0.2.10"), "mx.remote.example"};
  }
  void restrict(const Key& key, State state) {
    auto senders = std::make_shared<RestrictionMap>();
    if (state >= State::kThrottled) {
      (*senders)[key] = Restriction{.state = state, .until = clock_.now() + hours{1}, .case_id = "01JCASE"};
    }
    board_.replace(std::make_shared<const reputation::Restrictions>(senders, nullptr));
  }
  std::optional<queue::Pause> go() { return gate_.may_go({lane_, message_, 1}).pause; }
  int go_all() {
    int count = 0;
    while (count < 1000 && !go()) ++count;
    return count;
  }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  testlib::FakeDirectory directory_;
  netpolicy::Limiter limiter_{clock_};
  reputation::RestrictionBoard board_;
  SiteGate gate_{{directory_, limiter_, clock_, random_, ConcurrencyWindow::kPauseMost, UINT32_MAX, &board_}};
  TenantId acme_;
  queue::Message message_;
  queue::LaneKey lane_;
};

TEST_F(RestraintTest, LetsEverythingGoThatNobodyHasRestricted) {
  EXPECT_EQ(go_all(), 1000);
}

TEST_F(RestraintTest, PacesAThrottledAccountToATrickle) {
  restrict(Key::account(*message_.account), State::kThrottled);
  EXPECT_EQ(go_all(), 2);
  const auto pause = go();
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->scope, Scope::kAccount);
  EXPECT_EQ(pause->code, "reputation");
  EXPECT_NE(pause->text.find("account info@acme.example is throttled"), std::string::npos) << pause->text;
  EXPECT_NE(pause->text.find("case 01JCASE"), std::string::npos) << pause->text;
  EXPECT_LE(pause->wait, std::chrono::seconds{15}) << "it may be released before";
  int sent = 2;
  for (int i = 0; i < 60 * 4; ++i) {
    clock_.advance(std::chrono::seconds{15});
    sent += go_all();
  }
  EXPECT_EQ(sent, 22) << "20 an hour";
  const auto other = AccountId::make(clock_, random_);
  message_.account = other;
  EXPECT_EQ(go_all(), 1000) << "another account of the tenant goes on";
}

TEST_F(RestraintTest, CountsRecipientsSoThatMessagesToManyAreNoWayRound) {
  restrict(Key::account(*message_.account), State::kThrottled);
  const queue::HandOut to_many{lane_, message_, 60};
  ASSERT_FALSE(gate_.may_go(to_many).pause);
  EXPECT_TRUE(go());
  clock_.advance(std::chrono::minutes{3 * 58});
  EXPECT_EQ(go_all(), 0) << "an hour for each 20 of them";
  clock_.advance(std::chrono::minutes{3});
  EXPECT_EQ(go_all(), 1);
}

TEST_F(RestraintTest, GivesBackAMessageToManyThatWasNotTried) {
  restrict(Key::account(*message_.account), State::kThrottled);
  const queue::HandOut to_many{lane_, message_, 60};
  for (int i = 0; i < 5; ++i) {
    const auto answer = gate_.may_go(to_many);
    ASSERT_NE(answer.grant, nullptr);
    answer.grant->give_back();
  }
  EXPECT_EQ(go_all(), 2);
}

TEST_F(RestraintTest, HoldsAQuarantinedAccountEverywhereUntilItIsReleased) {
  restrict(Key::account(*message_.account), State::kQuarantined);
  EXPECT_EQ(go_all(), 0);
  lane_.site = "local";
  EXPECT_EQ(go_all(), 0) << "to mailboxes of this server, too";
  restrict(Key::account(*message_.account), State::kNormal);
  EXPECT_EQ(go_all(), 1000);
}

TEST_F(RestraintTest, HoldsWhatTheAccountsOfAQuarantinedTenantSendAndNotWhatItGets) {
  restrict(Key::tenant(acme_), State::kQuarantined);
  EXPECT_EQ(go_all(), 0);
  message_.account.reset();
  EXPECT_EQ(go_all(), 1000);
}

TEST_F(RestraintTest, MakesOfAnAccountsMailOnlyThatOfTheDomainWait) {
  for (const auto state : {State::kThrottled, State::kQuarantined}) {
    restrict(Key::domain("acme.example"), state);
    go_all();
    const auto pause = go();
    ASSERT_TRUE(pause);
    EXPECT_EQ(pause->scope, Scope::kPart);
    EXPECT_EQ(pause->part, "acme.example");
    EXPECT_NE(pause->text.find("domain acme.example is "), std::string::npos) << pause->text;
  }
}

TEST_F(RestraintTest, PacesAnAddressAtTheSiteThatRefusesItAndNowhereElse) {
  restrict(Key::address_site(lane_.arrival, lane_.site), State::kThrottled);
  EXPECT_EQ(go_all(), 2);
  EXPECT_EQ(go()->scope, Scope::kLane);
  lane_.site = "mx.other.example";
  EXPECT_EQ(go_all(), 1000);
}

TEST_F(RestraintTest, GivesBackWhatWasNotTried) {
  restrict(Key::account(*message_.account), State::kThrottled);
  for (int i = 0; i < 50; ++i) {
    const auto answer = gate_.may_go({lane_, message_, 1});
    ASSERT_NE(answer.grant, nullptr);
    answer.grant->give_back();
    answer.grant->give_back();  // nothing more
  }
  EXPECT_EQ(go_all(), 2);
}

TEST_F(RestraintTest, WhatWentBeforeARestrictionGivesItNothingBack) {
  tenants::Limit limit;
  limit.scope = tenants::LimitScope::kSite;
  limit.subject = lane_.site;
  limit.messages = tenants::Rate::parse("10/1h").value();
  directory_.rows.limits.push_back(limit);
  directory_.publish();
  const auto before = gate_.may_go({lane_, message_, 1});
  ASSERT_NE(before.grant, nullptr);
  restrict(Key::account(*message_.account), State::kThrottled);
  ASSERT_EQ(go_all(), 2);
  before.grant->give_back();
  EXPECT_EQ(go_all(), 0);
}

TEST_F(RestraintTest, WhatASiteSaysOfTheAddressOfTheOtherFamilyCountsForMailToIt) {
  directory_.add_address("2001:db8::10", std::nullopt, "");
  directory_.rows.addresses.back().created_at = clock_.now();
  directory_.publish();
  const auto other = *IpAddress::parse("2001:db8::10");
  restrict(Key::address_site(other, lane_.site), State::kThrottled);
  EXPECT_EQ(go_all(), 2) << "the site is reached by IPv6";
  restrict(Key::address_site(other, lane_.site), State::kQuarantined);
  EXPECT_EQ(go_all(), 0);
  lane_.site = "mx.other.example";
  EXPECT_EQ(go_all(), 1000) << "which nobody has said of this one";
  // And the other way round.
  lane_ = {acme_, other, "mx.remote.example"};
  restrict(Key::address_site(*IpAddress::parse("192.0.2.10"), lane_.site), State::kQuarantined);
  EXPECT_EQ(go_all(), 0);
  restrict(Key::address(*IpAddress::parse("192.0.2.10")), State::kQuarantined);
  EXPECT_EQ(go_all(), 1000) << "IPv4 as a whole, and nothing shows that the site is reached by it";
}

}  // namespace
}  // namespace bulkhead::delivery

#include "src/delivery/site_gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/delivery/sending_limits.h"
#include "tests/testlib/fake_directory.h"

namespace bulkhead::delivery {
namespace {

using Answer = SiteGate::Answer;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using tenants::Limit;
using tenants::LimitScope;
using tenants::Rate;

class SiteGateTest : public ::testing::Test {
 protected:
  SiteGateTest() {
    acme_ = add_tenant("acme");
    beta_ = add_tenant("beta");
    add_address("192.0.2.10");
    directory_.publish();
  }
  TenantId add_tenant(const char* name) {
    const auto id = directory_.add_tenant(name);
    directory_.rows.tenants.back().created_at = clock_.now();
    return id;
  }
  void add_address(const char* ip) {
    directory_.add_address(ip, std::nullopt, "");
    directory_.rows.addresses.back().created_at = clock_.now();
  }
  Limit& set(LimitScope scope, std::string subject) {
    Limit limit;
    limit.scope = scope;
    limit.subject = std::move(subject);
    directory_.rows.limits.push_back(limit);
    return directory_.rows.limits.back();
  }
  queue::LaneKey lane(const TenantId& tenant, const char* site = "mx.remote.example", const char* ip = "192.0.2.10") {
    return {tenant, *IpAddress::parse(ip), site};
  }
  std::uint32_t start_all(const queue::LaneKey& key) {
    std::uint32_t count = 0;
    while (count < 1000 && gate_.may_start({key, count, 1000}).is_allowed) ++count;
    return count;
  }
  std::optional<queue::Pause> go(const queue::LaneKey& key) {
    return gate_.may_go({key, message_, 1, not_before_}).pause;
  }
  int go_all(const queue::LaneKey& key) {
    int count = 0;
    while (count < 100000 && !go(key)) ++count;
    return count;
  }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  testlib::FakeDirectory directory_;
  netpolicy::Limiter limiter_{clock_};
  SiteGate gate_{{directory_, limiter_, clock_, random_}};
  TenantId acme_, beta_;
  queue::Message message_;
  std::optional<UtcTime> not_before_;
};

TEST_F(SiteGateTest, BeginsWithFewConnectionsAndLearns) {
  EXPECT_EQ(start_all(lane(acme_)), 5U);
  for (int i = 0; i < 6; ++i) gate_.answered(lane(acme_), Answer::kTaken);
  EXPECT_EQ(start_all(lane(acme_)), 1U);
  gate_.worker_ended(lane(acme_));
  EXPECT_EQ(start_all(lane(acme_)), 1U);
}

TEST_F(SiteGateTest, MailForMailboxesIsNotHeldUp) {
  EXPECT_EQ(start_all(lane(acme_, "local")), 1000U);
  EXPECT_EQ(go_all(lane(acme_, "local")), 100000);
}

TEST_F(SiteGateTest, ASiteOutOfReachPausesAndIsProbedByOne) {
  EXPECT_EQ(start_all(lane(acme_)), 5U);
  for (int i = 0; i < 5; ++i) {
    gate_.answered(lane(acme_), Answer::kUnreachable);
    gate_.worker_ended(lane(acme_));
  }
  const auto answer = gate_.may_start({lane(acme_), 0, 10});
  ASSERT_FALSE(answer.is_allowed);
  ASSERT_TRUE(answer.pause);
  EXPECT_EQ(answer.pause->code, "site-backoff");
  EXPECT_GT(answer.pause->wait, seconds{1});
  EXPECT_EQ(start_all(lane(acme_, "other.example")), 5U) << "others go on";
  EXPECT_EQ(gate_.readings().paused, 1U);
  clock_.advance(answer.pause->wait);
  EXPECT_EQ(start_all(lane(acme_)), 1U);
}

TEST_F(SiteGateTest, APauseEndsWhenSomebodyAsks) {
  start_all(lane(acme_));
  gate_.answered(lane(acme_), Answer::kUnreachable);
  gate_.worker_ended(lane(acme_));
  ASSERT_TRUE(gate_.may_start({lane(acme_), 0, 1}).pause);
  const auto before = gate_.tried_again_at();
  gate_.try_again(lane(acme_, "other.example"));
  EXPECT_TRUE(gate_.may_start({lane(acme_), 0, 1}).pause);
  gate_.try_again(lane(acme_));
  EXPECT_FALSE(gate_.may_start({lane(acme_), 0, 1}).pause);
  EXPECT_GT(gate_.tried_again_at(), before);
}

TEST_F(SiteGateTest, ANodeMayAllowFewerConnectionsOfAPair) {
  SiteGate strict{{directory_, limiter_, clock_, random_, ConcurrencyWindow::kPauseMost, 2}};
  EXPECT_TRUE(strict.may_start({lane(acme_), 0, 9}).is_allowed);
  EXPECT_TRUE(strict.may_start({lane(acme_), 1, 9}).is_allowed);
  EXPECT_FALSE(strict.may_start({lane(acme_), 2, 9}).is_allowed);
  set(LimitScope::kAddressSite, tenants::limit_subject(*IpAddress::parse("192.0.2.10"), "mx.remote.example"))
      .connections = 3;
  directory_.publish();
  EXPECT_TRUE(strict.may_start({lane(acme_), 2, 9}).is_allowed);
  EXPECT_FALSE(strict.may_start({lane(acme_), 3, 9}).is_allowed);
}

TEST_F(SiteGateTest, VeryManyDeadSitesTakeBoundedMemory) {
  for (int i = 0; i < 200000; ++i) {
    const auto key = lane(acme_, fmt::format("dead{}.example", i).c_str());
    ASSERT_TRUE(gate_.may_start({key, 0, 1}).is_allowed);
    gate_.answered(key, Answer::kUnreachable);
    gate_.worker_ended(key);
  }
  EXPECT_LE(gate_.readings().sites, 16U * 8000U);
  clock_.advance(hours{1});
  for (int i = 0; i < 100; ++i) start_all(lane(acme_, fmt::format("alive{}.example", i).c_str()));
  EXPECT_LT(gate_.readings().sites, 16U * 2000U) << "what nothing is known of goes";
}

TEST_F(SiteGateTest, SitesThatNothingIsKnownOfGoAndWhatWasLearnedStays) {
  const auto slow = lane(acme_, "slow.example");
  start_all(slow);
  gate_.answered(slow, Answer::kSlowed);
  for (int i = 0; i < 5; ++i) gate_.worker_ended(slow);
  for (int i = 0; i < 16 * 2500; ++i) {
    const auto key = lane(acme_, fmt::format("fresh{}.example", i).c_str());
    ASSERT_TRUE(gate_.may_start({key, 0, 1}).is_allowed);
    gate_.worker_ended(key);
    if (i % 1000 == 0) clock_.advance(seconds{2});
  }
  EXPECT_LT(gate_.readings().sites, 16U * 2100U);
  EXPECT_LT(start_all(slow), 5U) << "its window is still the smaller one";
}

TEST_F(SiteGateTest, TenantsBeyondTheNumberOfPlacesHaveThemInTurns) {
  set(LimitScope::kSite, "mx.remote.example").connections = 1;
  directory_.publish();
  const std::array lanes{lane(acme_), lane(beta_), lane(add_tenant("gamma"))};
  std::array<int, 3> jobs{};
  constexpr std::size_t kNobody = 3;
  std::size_t holder = kNobody;
  for (int step = 0; step < 3000; ++step, clock_.advance(std::chrono::milliseconds{100})) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (holder == i || !gate_.may_start({lanes[i], 0, 1000}).is_allowed) continue;
      ASSERT_EQ(holder, kNobody);
      holder = i;
    }
    ASSERT_NE(holder, kNobody);
    ++jobs[holder];
    if (!gate_.must_yield(lanes[holder], true)) continue;
    ASSERT_TRUE(gate_.must_yield(lanes[holder], false)) << "asked again after the job";
    gate_.worker_ended(lanes[holder]);
    holder = kNobody;
  }
  for (const int done : jobs) EXPECT_NEAR(done, 1000, 30);
}

TEST_F(SiteGateTest, TheDirectoryLimitsConnectionsOfASiteAndOfAPair) {
  set(LimitScope::kSite, "mx.remote.example").connections = 4;
  set(LimitScope::kAddressSite, tenants::limit_subject(*IpAddress::parse("192.0.2.10"), "mx.remote.example"))
      .connections = 3;
  directory_.publish();
  EXPECT_EQ(start_all(lane(acme_)), 3U);
  EXPECT_EQ(start_all(lane(acme_, "mx.remote.example", "192.0.2.11")), 1U);
  EXPECT_EQ(gate_.open_connections(directory_.rows.limits[0]), 4U);
  EXPECT_EQ(gate_.open_connections(directory_.rows.limits[1]), 3U);
  EXPECT_TRUE(gate_.is_counted(lane(acme_)));
  EXPECT_FALSE(gate_.is_counted(lane(acme_, "other.example")));
}

TEST_F(SiteGateTest, TenantsTakeTurnsOnASharedAddress) {
  EXPECT_EQ(start_all(lane(acme_)), 5U);
  EXPECT_EQ(start_all(lane(beta_)), 0U);
  int yields = 0;
  while (gate_.must_yield(lane(acme_), false)) {
    gate_.worker_ended(lane(acme_));
    ++yields;
  }
  EXPECT_EQ(yields, 3);
  EXPECT_EQ(start_all(lane(acme_)), 0U);
  EXPECT_EQ(start_all(lane(beta_)), 3U) << "its share, and the one that is left";
}

TEST_F(SiteGateTest, MessagesPerConnectionIsTheLeastOfTheLimits) {
  EXPECT_EQ(gate_.messages_per_connection(lane(acme_)), std::nullopt);
  set(LimitScope::kSite, "mx.remote.example").messages_per_connection = 20;
  set(LimitScope::kAddressSite, tenants::limit_subject(*IpAddress::parse("192.0.2.10"), "mx.remote.example"))
      .messages_per_connection = 10;
  directory_.publish();
  EXPECT_EQ(gate_.messages_per_connection(lane(acme_)), 10U);
}

TEST_F(SiteGateTest, RatesOfASiteAndOfAPairHoldTogetherOrNothingIsTaken) {
  set(LimitScope::kSite, "mx.remote.example").messages = Rate::parse("10/1h").value();
  set(LimitScope::kAddressSite, tenants::limit_subject(*IpAddress::parse("192.0.2.10"), "mx.remote.example")).messages =
      Rate::parse("4/1h").value();
  directory_.publish();
  EXPECT_EQ(go_all(lane(acme_)), 4);
  const auto pause = go(lane(acme_));
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->code, "limit");
  EXPECT_EQ(pause->wait, minutes{15});
  EXPECT_NE(pause->text.find("4/1h messages from 192.0.2.10 to mx.remote.example"), std::string::npos);
  EXPECT_EQ(go_all(lane(acme_, "mx.remote.example", "192.0.2.11")), 6);
  clock_.advance(pause->wait);
  EXPECT_EQ(go_all(lane(acme_)), 1);
}

TEST_F(SiteGateTest, WhatWasNotTriedIsGivenBack) {
  set(LimitScope::kSite, "mx.remote.example").messages = Rate::parse("2/1h").value();
  directory_.publish();
  const auto key = lane(acme_);
  const auto answer = gate_.may_go({key, message_, 1});
  EXPECT_EQ(go_all(key), 1);
  ASSERT_NE(answer.grant, nullptr);
  answer.grant->give_back();
  EXPECT_EQ(go_all(key), 1);
}

TEST_F(SiteGateTest, AMessageLargerThanTheBurstIsWaitedForAfterwards) {
  set(LimitScope::kSite, "mx.remote.example").bytes = Rate::parse("1000/1h").value();
  directory_.publish();
  message_.size = 5000;
  EXPECT_EQ(go_all(lane(acme_)), 1) << "it must leave some day";
  message_.size = 1;
  EXPECT_EQ(go(lane(acme_))->wait, hours{4} + std::chrono::milliseconds{3600});
  clock_.advance(hours{5});
  message_.size = 1'000'000;
  EXPECT_EQ(go_all(lane(acme_)), 1);
  message_.size = 1000;
  EXPECT_EQ(go(lane(acme_))->wait, hours{25}) << "a day, and its own";
}

TEST_F(SiteGateTest, PacedMailWaitsForItsTime) {
  not_before_ = clock_.now() + minutes{5};
  message_.wait_reason = "limit of 60/1h messages of account anna@acme.example";
  const auto pause = go(lane(acme_));
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->scope, queue::Pause::Scope::kAccount);
  EXPECT_EQ(pause->wait, minutes{5});
  EXPECT_NE(pause->text.find("60/1h messages of account anna@acme.example"), std::string::npos);
  EXPECT_TRUE(go(lane(acme_, "local")));
  clock_.advance(minutes{5});
  EXPECT_FALSE(go(lane(acme_)));
}

class WarmUpTest : public SiteGateTest {
 protected:
  WarmUpTest() {
    directory_.rows.warm_up = {10, 20};
    add_address("11.1.2.3");
    directory_.publish();
  }
  queue::LaneKey warm(const TenantId& tenant, const char* site = "mx.remote.example") {
    return lane(tenant, site, "11.1.2.3");
  }
};

TEST_F(WarmUpTest, ANewAddressSendsToEachSiteWhatItsDayAllows) {
  EXPECT_EQ(go_all(warm(acme_)), 5) << "half at once";
  const auto pause = go(warm(acme_));
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->code, "warm-up");
  EXPECT_NE(pause->text.find("on day 1"), std::string::npos);
  EXPECT_EQ(go_all(warm(acme_, "other.example")), 5);
}

TEST_F(WarmUpTest, NoDaySendsMoreThanTheTable) {
  int sent = 0;
  for (int minute = 0; minute < 24 * 60; ++minute) {
    sent += go_all(warm(acme_));
    clock_.advance(minutes{1});
  }
  EXPECT_GE(sent, 9);
  EXPECT_LE(sent, 10);
}

TEST_F(WarmUpTest, EndsWithTheTable) {
  clock_.advance(hours{24});
  EXPECT_EQ(go_all(warm(acme_)), 10);
  clock_.advance(hours{24});
  EXPECT_EQ(go_all(warm(acme_)), 100000);
}

TEST_F(WarmUpTest, ANewTenantWarmsUpOnAnOldAddress) {
  clock_.advance(hours{48});
  const auto gamma = add_tenant("gamma");
  directory_.publish();
  EXPECT_EQ(go_all(warm(gamma)), 5);
  EXPECT_EQ(go_all(warm(acme_)), 100000);
}

TEST_F(WarmUpTest, ConcernsOnlyWhatTheInternetSees) {
  EXPECT_EQ(go_all(lane(acme_)), 100000) << "an address for documentation";
  EXPECT_EQ(go_all(warm(acme_, "route:smarthost.example:25")), 100000) << "a fixed next hop";
  directory_.rows.warm_up.clear();
  directory_.publish();
  EXPECT_EQ(go_all(warm(acme_)), 100000) << "an empty table";
}

}  // namespace
}  // namespace bulkhead::delivery

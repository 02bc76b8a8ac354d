#include "netpolicy/limits/limiter.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/testlib/fake_directory.h"

namespace bulkhead::netpolicy {
namespace {

using tenants::Limit;
using tenants::limit_subject;
using tenants::LimitScope;
using tenants::Measure;
using tenants::Rate;

class LimiterTest : public ::testing::Test {
 protected:
  LimiterTest() {
    reseller_ = directory_.add_tenant("reseller");
    acme_ = directory_.add_tenant("acme");
    directory_.rows.tenants.back().reseller = reseller_;
    beta_ = directory_.add_tenant("beta");
    directory_.rows.tenants.back().reseller = reseller_;
    directory_.add_domain(acme_, "acme.example");
    directory_.add_domain(beta_, "beta.example");
    anna_ = directory_.add_account("anna@acme.example");
    bob_ = directory_.add_account("bob@acme.example");
    ben_ = directory_.add_account("ben@beta.example");
    directory_.publish();
  }

  void set(LimitScope scope, std::string subject, const char* messages, const char* recipients = nullptr) {
    Limit limit;
    limit.scope = scope;
    limit.subject = std::move(subject);
    limit.messages = Rate::parse(messages).value();
    if (recipients != nullptr) limit.recipients = Rate::parse(recipients).value();
    directory_.rows.limits.push_back(limit);
    directory_.publish();
  }
  void pace(const TenantId& id) {
    for (auto& tenant : directory_.rows.tenants) {
      if (tenant.id == id) tenant.over_limit = tenants::OverLimit::kPace;
    }
    directory_.publish();
  }
  Admission send(const tenants::Account& account, Reservation& reservation, Amount amount = {1, 1, 1000}) {
    return limiter_.reserve(reservation, {*directory_.snapshot(), account, arrival_}, amount);
  }
  // How many messages of one recipient go through before the limit.
  int sent(const tenants::Account& account) {
    int count = 0;
    for (;; ++count) {
      Reservation reservation;
      if (send(account, reservation).is_refused()) return count;
      reservation.keep();
    }
  }

  testlib::ManualClock clock_;
  testlib::FakeDirectory directory_;
  TenantId reseller_, acme_, beta_;
  tenants::Account anna_, bob_, ben_;
  IpAddress arrival_ = *IpAddress::parse("192.0.2.10");
  Limiter limiter_{clock_};
};

TEST_F(LimiterTest, AnAccountIsHeldToItsPlan) {
  EXPECT_EQ(sent(anna_), 500);
  EXPECT_EQ(sent(bob_), 500);
}

TEST_F(LimiterTest, AnAccountsOwnLimitComesBeforeItsPlan) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "3/1h");
  EXPECT_EQ(sent(anna_), 3);
  EXPECT_EQ(sent(bob_), 500);
}

TEST_F(LimiterTest, APlanOfTheDirectoryComesBeforeTheDefault) {
  set(LimitScope::kPlan, "normal", "4/1h");
  EXPECT_EQ(sent(anna_), 4);
}

TEST_F(LimiterTest, BulkAccountsHaveNoLimitByDefault) {
  anna_.plan = tenants::Plan::kBulk;
  for (int i = 0; i < 5000; ++i) {
    Reservation reservation;
    ASSERT_FALSE(send(anna_, reservation, {1, 100, 1000}).hit);
    reservation.keep();
  }
}

TEST_F(LimiterTest, AnAccountIsNewForItsFirstDays) {
  anna_.created_at = clock_.now();
  const auto plan = [&] { return Limiter::plan_of(*directory_.snapshot(), anna_, clock_.now()); };
  EXPECT_EQ(plan(), tenants::Plan::kNew);
  EXPECT_EQ(sent(anna_), 200);
  clock_.advance(std::chrono::hours{24 * 14} - std::chrono::microseconds{1});
  EXPECT_EQ(plan(), tenants::Plan::kNew);
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_EQ(plan(), tenants::Plan::kNormal);
  anna_.created_at = clock_.now();
  anna_.plan = tenants::Plan::kNormal;
  EXPECT_EQ(plan(), tenants::Plan::kNormal);
}

TEST_F(LimiterTest, TenantsLimitsHoldForAllItsAccountsTogether) {
  set(LimitScope::kTenant, limit_subject(acme_), "10/1h");
  EXPECT_EQ(sent(anna_), 10);
  EXPECT_EQ(sent(bob_), 0);
  EXPECT_EQ(sent(ben_), 500);
}

TEST_F(LimiterTest, AResellersLimitHoldsForAllItsTenantsTogether) {
  set(LimitScope::kReseller, limit_subject(reseller_), "10/1h");
  EXPECT_EQ(sent(anna_), 10);
  EXPECT_EQ(sent(ben_), 0);
}

TEST_F(LimiterTest, AnAddressIsLimitedForAllThatComeInOnIt) {
  set(LimitScope::kAddress, limit_subject(arrival_), "10/1h");
  EXPECT_EQ(sent(anna_), 10);
  EXPECT_EQ(sent(ben_), 0);
  arrival_ = *IpAddress::parse("192.0.2.11");
  EXPECT_EQ(sent(ben_), 500);
}

TEST_F(LimiterTest, RecipientsAndBytesAreCounted) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "none", "100/1h");
  directory_.rows.limits.back().bytes = Rate::parse("1M/1h").value();
  directory_.publish();
  Reservation first;
  EXPECT_FALSE(send(anna_, first, {1, 100, 0}).hit);
  Reservation second;
  const auto recipients = send(anna_, second, {0, 1, 0});
  ASSERT_TRUE(recipients.is_refused());
  EXPECT_EQ(recipients.hit->measure, Measure::kRecipients);
  EXPECT_FALSE(send(anna_, second, {0, 0, 1 << 20}).hit);
  const auto bytes = send(anna_, second, {0, 0, 1});
  ASSERT_TRUE(bytes.is_refused());
  EXPECT_EQ(bytes.hit->measure, Measure::kBytes);
}

TEST_F(LimiterTest, ARefusalTakesNothingFromTheOtherLimits) {
  set(LimitScope::kTenant, limit_subject(acme_), "10/1h");
  set(LimitScope::kAddress, limit_subject(arrival_), "5/1h");
  Reservation reservation;
  EXPECT_TRUE(send(anna_, reservation, {6, 0, 0}).is_refused());
  EXPECT_TRUE(reservation.is_empty());
  const auto usage =
      limiter_.usage(LimitScope::kTenant, Measure::kMessages, limit_subject(acme_), Rate::parse("10/1h").value());
  EXPECT_EQ(usage.used, 0U);
}

TEST_F(LimiterTest, WhatIsNotKeptIsGivenBack) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "2/1h");
  {
    Reservation dropped;
    EXPECT_FALSE(send(anna_, dropped).hit);
    EXPECT_FALSE(send(anna_, dropped).hit);
    EXPECT_TRUE(send(anna_, dropped).is_refused());
    Reservation moved{std::move(dropped)};
    EXPECT_TRUE(send(anna_, moved).is_refused());
  }
  EXPECT_EQ(sent(anna_), 2);
}

TEST_F(LimiterTest, SaysWhichLimitAndWhenItPasses) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "2/1h");
  set(LimitScope::kTenant, limit_subject(acme_), "2/1d");
  EXPECT_EQ(sent(anna_), 2);
  Reservation reservation;
  const auto admission = send(anna_, reservation);
  ASSERT_TRUE(admission.is_refused());
  EXPECT_EQ(admission.hit->text(), "limit of 2/1d messages of tenant acme");
  EXPECT_EQ(admission.hit->passes_at, clock_.now() + std::chrono::hours{12});
  clock_.advance(std::chrono::hours{12} - std::chrono::microseconds{1});
  EXPECT_TRUE(send(anna_, reservation).is_refused());
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_FALSE(send(anna_, reservation).hit);
}

TEST_F(LimiterTest, WhatIsLargerThanTheBurstNeverPasses) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "2/1h");
  Reservation reservation;
  const auto admission = send(anna_, reservation, {3, 0, 0});
  ASSERT_TRUE(admission.is_refused());
  EXPECT_EQ(admission.hit->passes_at, std::nullopt);
}

TEST_F(LimiterTest, ATenantThatChoseSoIsPaced) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "60/1h burst 2");
  pace(acme_);
  for (int i = 0; i < 10; ++i) {
    Reservation reservation;
    const auto admission = send(anna_, reservation);
    ASSERT_FALSE(admission.is_refused());
    reservation.keep();
    if (i < 2) {
      EXPECT_EQ(admission.not_before, std::nullopt);
    } else {
      EXPECT_EQ(admission.not_before, clock_.now() + std::chrono::minutes{i - 1});
    }
  }
  EXPECT_EQ(sent(anna_), 24 * 60 + 2 - 10);  // no further than a day ahead
}

TEST_F(LimiterTest, StepsOfTheWallClockChangeNothing) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "2/1h");
  EXPECT_EQ(sent(anna_), 2);
  clock_.step(std::chrono::hours{48});
  EXPECT_EQ(sent(anna_), 0);
  clock_.step(std::chrono::hours{-96});
  EXPECT_EQ(sent(anna_), 0);
  clock_.advance(std::chrono::minutes{30});
  EXPECT_EQ(sent(anna_), 1);
}

TEST_F(LimiterTest, ALimitThatIsSetHoldsAtOnce) {
  EXPECT_EQ(sent(anna_), 500);
  set(LimitScope::kAccount, limit_subject(anna_.id), "600/1h");
  EXPECT_EQ(sent(anna_), 100);
}

TEST_F(LimiterTest, ThreadsTogetherTakeExactlyWhatIsAllowed) {
  set(LimitScope::kTenant, limit_subject(acme_), "1000/1h");
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (const auto* account : {&anna_, &bob_, &anna_, &bob_}) {
    threads.emplace_back([&, account] {
      for (int i = 0; i < 400; ++i) {
        Reservation reservation;
        if (send(*account, reservation, {1, 0, 0}).is_refused()) continue;
        reservation.keep();
        ++taken;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken + sent(anna_) + sent(bob_), 1000);
}

TEST_F(LimiterTest, CountsWhatItDid) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "2/1h");
  EXPECT_EQ(sent(anna_), 2);
  for (const auto& count : limiter_.counts()) {
    const bool is_it = count.scope == LimitScope::kAccount && count.measure == Measure::kMessages;
    EXPECT_EQ(count.refused, is_it ? 1U : 0U);
    EXPECT_EQ(count.paced, 0U);
  }
}

class RepacedTest : public LimiterTest {
 protected:
  RepacedTest() {
    pace(acme_);
    set(LimitScope::kAccount, limit_subject(anna_.id), "60/1h burst 1");
    for (int i = 0; i < 10; ++i) {
      Reservation reservation;
      admission_ = send(anna_, reservation);
      reservation.keep();
    }
  }
  // In minutes from now; -1: at once.
  long waits() const {
    const auto reason = admission_.hit->text();
    const auto at = Limiter::repaced({*directory_.snapshot(), anna_, arrival_},
                                     {reason, clock_.now(), *admission_.not_before}, clock_.now());
    return at ? std::chrono::round<std::chrono::minutes>(*at - clock_.now()).count() : -1;
  }
  void change(const char* messages) {
    directory_.rows.limits.clear();
    set(LimitScope::kAccount, limit_subject(anna_.id), messages);
  }

  Admission admission_;
};

TEST_F(RepacedTest, WhatIsPurgedBeforeItsTimeIsNotWaitedForByTheNext) {
  for (int i = 0; i < 9; ++i) limiter_.give_back_paced({*directory_.snapshot(), anna_, arrival_}, {1, 1, 0});
  Reservation reservation;
  const auto next = send(anna_, reservation);
  ASSERT_TRUE(next.not_before);
  EXPECT_EQ(*next.not_before, clock_.now() + std::chrono::minutes{1}) << "behind the one that went, not behind ten";
}

TEST_F(RepacedTest, WaitsAsWasSaidWhileTheLimitIsTheSame) {
  EXPECT_EQ(waits(), 9);
}

TEST_F(RepacedTest, WaitsAsTheNewRateSays) {
  change("180/1h burst 1");
  EXPECT_EQ(waits(), 3);
  change("30/1h burst 1");
  EXPECT_EQ(waits(), 18);
  change("60/1h burst 60");
  EXPECT_LE(waits(), 0);
}

TEST_F(RepacedTest, GoesAtOnceWhenTheLimitIsGone) {
  change("none");
  EXPECT_EQ(waits(), -1);
}

TEST_F(RepacedTest, GoesAtOnceWhenTheTenantPacesNoMore) {
  for (auto& tenant : directory_.rows.tenants) tenant.over_limit = tenants::OverLimit::kRefuse;
  directory_.publish();
  EXPECT_EQ(waits(), -1);
}

TEST_F(LimiterTest, TheUsageFollowsALimitThatIsSetBeforeTheNextMessage) {
  set(LimitScope::kAccount, limit_subject(anna_.id), "100/1h");
  for (int i = 0; i < 40; ++i) {
    Reservation reservation;
    EXPECT_FALSE(send(anna_, reservation).is_refused());
    reservation.keep();
  }
  const auto used = [&](const char* rate) {
    return limiter_.usage(LimitScope::kAccount, Measure::kMessages, limit_subject(anna_.id), *Rate::parse(rate)).used;
  };
  EXPECT_EQ(used("100/1h"), 40U);
  EXPECT_EQ(used("500/1h"), 40U);
  EXPECT_EQ(used("1000/1d"), 40U);
  EXPECT_EQ(used("20/1h"), 20U);
}

}  // namespace
}  // namespace bulkhead::netpolicy

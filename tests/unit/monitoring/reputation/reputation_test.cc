#include <algorithm>

#include "tests/unit/monitoring/reputation/reputation_fixture.h"

namespace bulkhead::reputation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(ReputationTest, ThrottlesAnAccountAtTwentyFiveUnknownRecipients) {
  unknown(24);
  EXPECT_EQ(account(), State::kWatched);
  const auto decisions = unknown(1);
  EXPECT_EQ(account(), State::kThrottled);
  ASSERT_FALSE(decisions.empty());
  EXPECT_EQ(decisions[0].rule, "account-unknown-recipients");
  EXPECT_EQ(decisions[0].evidence.samples.size(), Record::kSamplesMax);
  EXPECT_NE(decisions[0].words.find("25 recipients that do not exist within an hour"), std::string::npos)
      << decisions[0].words;
}

TEST_F(ReputationTest, CountsAnHourToTheLetter) {
  for (int i = 0; i < 24; ++i) {
    unknown(1);
    clock.advance(seconds{149});
  }
  EXPECT_EQ(account(), State::kWatched);
  unknown(1);
  EXPECT_EQ(account(), State::kThrottled) << "the first was 59.6 minutes ago";
  become_another();
  for (int i = 0; i < 25; ++i) {
    unknown(1);
    clock.advance(minutes{6});
  }
  EXPECT_LT(account(), State::kThrottled) << "ten an hour are not 25";
}

TEST_F(ReputationTest, ThrottlesAnAccountAtThreeReputationRefusals) {
  refuse(replies::ReplyClass::kAddressReputation, 2);
  EXPECT_EQ(account(), State::kNormal);
  refuse(replies::ReplyClass::kAddressReputation);
  EXPECT_EQ(account(), State::kThrottled);
  EXPECT_EQ(address(), State::kNormal) << "the account comes first";
}

TEST_F(ReputationTest, QuarantinesForBouncesOverTenPercentAtVolume) {
  deliver(90);
  refuse(replies::ReplyClass::kContent, 9);
  EXPECT_LT(account(), State::kQuarantined) << "99 are no volume";
  become_another();
  deliver(900);
  refuse(replies::ReplyClass::kRecipient, 100, "disabled");
  EXPECT_LT(account(), State::kQuarantined) << "100 of 1,000 are not over 10 %";
  refuse(replies::ReplyClass::kRecipient, 1, "disabled");
  EXPECT_EQ(account(), State::kQuarantined);
}

TEST_F(ReputationTest, QuarantinesForComplaintsOverHalfAPercentAtVolume) {
  deliver(1000);
  for (int i = 0; i < 5; ++i) complain();
  EXPECT_EQ(account(), State::kNormal) << "5 of 1,000 are not over 0.5 %";
  complain();
  EXPECT_EQ(account(), State::kQuarantined);
  become_another();
  for (int i = 0; i < 50; ++i) complain();
  EXPECT_EQ(account(), State::kNormal) << "nothing delivered is no volume";
}

TEST_F(ReputationTest, QuarantinesAThousandAMinuteFromAnAccountOfTwentyADay) {
  for (int day = 0; day < 10; ++day) {
    send(1, 20);
    clock.advance(hours{24});
  }
  EXPECT_EQ(send(1, 39).size(), 0U);
  send(1, 40);
  EXPECT_EQ(account(), State::kWatched);
  send(1, 1);
  EXPECT_EQ(account(), State::kThrottled) << "80 in a minute, before the outbreak is big";
  send(1, 919);
  EXPECT_EQ(account(), State::kThrottled);
  const auto decisions = send(1, 1);
  EXPECT_EQ(account(), State::kQuarantined);
  ASSERT_FALSE(decisions.empty());
  EXPECT_EQ(decisions[0].rule, "account-flood");
  EXPECT_EQ(decisions[0].until - decisions[0].at, hours{24});
}

TEST_F(ReputationTest, LeavesAnAccountThatAlwaysSendsThatMuch) {
  subject.plan = "bulk";
  for (int day = 0; day < 5; ++day) {
    for (int minute = 0; minute < 15; ++minute) {
      send(50, 8);
      clock.advance(minutes{1});
    }
    clock.advance(hours{23});
  }
  subject.plan = "";
  send(1, 1100);
  EXPECT_LT(account(), State::kThrottled);
}

TEST_F(ReputationTest, ActsOnAnAddressOnlyWhenSeveralSitesBlameIt) {
  const auto blame = [&](int times) {
    for (int i = 0; i < times; ++i) {
      become_another();
      deliver(10);
      refuse(replies::ReplyClass::kAddressReputation, 2);
    }
  };
  blame(20);
  EXPECT_EQ(address(), State::kNormal) << "one site";
  EXPECT_EQ(mind.state_of(Key::address_site(source, site)), State::kThrottled);
  site = "yahoo.com";
  blame(2);
  EXPECT_EQ(address(), State::kNormal);
  site = "gmx.net";
  blame(1);
  EXPECT_EQ(address(), State::kThrottled);
  become_another();
  refuse(replies::ReplyClass::kAddressReputation, 20);
  EXPECT_EQ(account(), State::kNormal) << "the address is known to be refused";
}

TEST_F(ReputationTest, BlamesNoAddressForContentRecipientsOrAnothersListing) {
  refuse(replies::ReplyClass::kContent, 200);
  refuse(replies::ReplyClass::kRecipient, 200, "unknown-user");
  EXPECT_EQ(mind.standing(Key::address(source)).last_hour[static_cast<int>(Signal::kReputationRefusals)], 0);
  become_another();
  carried = IpAddress::v4({203, 0, 113, 7});
  refuse(replies::ReplyClass::kAddressReputation, 5);
  EXPECT_EQ(mind.standing(Key::address(source)).last_hour[static_cast<int>(Signal::kReputationRefusals)], 0);
}

TEST_F(ReputationTest, ARefusedAddressMakesNobodysListABadOne) {
  deliver(200);
  refuse(replies::ReplyClass::kAddressReputation, 60);
  EXPECT_LT(account(), State::kQuarantined) << "the address is refused, not the recipients";
  EXPECT_EQ(mind.standing(Key::account(subject.account)).last_hour[static_cast<int>(Signal::kBounces)], 0);
}

TEST_F(ReputationTest, StrangersCannotThrottleATenantThroughItsForwards) {
  subject.account = {};
  refuse(replies::ReplyClass::kRecipient, 500, "unknown-user");
  refuse(replies::ReplyClass::kAddressReputation, 100);
  EXPECT_EQ(tenant(), State::kNormal);
}

TEST_F(ReputationTest, SparesTheTenantWhatAnAccountThatWasStoppedStillCauses) {
  unknown(500);
  EXPECT_GE(account(), State::kThrottled);
  EXPECT_EQ(tenant(), State::kNormal);
}

TEST_F(ReputationTest, ComesUpSlowlyAndGoesDownFaster) {
  const Key key = Key::account(subject.account);
  unknown(25);
  clock.advance(minutes{61});
  const auto up = mind.tick();
  EXPECT_TRUE(
      std::any_of(up.begin(), up.end(), [&](const Decision& d) { return d.key == key && d.to == State::kRestored; }));
  EXPECT_EQ(account(), State::kRestored);
  unknown(12);
  EXPECT_EQ(account(), State::kWatched);
  unknown(1);
  EXPECT_EQ(account(), State::kThrottled) << "on probation half of the count is enough";
  mind.set_state(key, State::kRestored, mind.now() + hours{24}, "again").value();
  clock.advance(hours{25});
  mind.tick();
  EXPECT_EQ(account(), State::kNormal);
}

TEST_F(ReputationTest, DoublesEachQuarantine) {
  const Key key = Key::account(subject.account);
  for (const int expected : {24, 48, 96, 168, 168}) {
    const auto decisions = send(1, 1200);
    const auto found = std::find_if(decisions.begin(), decisions.end(),
                                    [&](const Decision& d) { return d.key == key && d.to == State::kQuarantined; });
    ASSERT_NE(found, decisions.end());
    EXPECT_EQ(found->until - found->at, hours{expected});
    mind.set_state(key, State::kNormal, {}, "released").value();
  }
}

TEST_F(ReputationTest, OnlyReportsInShadowAndUnderAnExemption) {
  Policy shadow = default_policy();
  ASSERT_TRUE(shadow.set("account-unknown-recipients", {.is_shadow = true}));
  book->set_tenant(subject.tenant, "", std::make_shared<const Policy>(shadow));
  auto decisions = unknown(40);
  EXPECT_EQ(account(), State::kWatched);
  ASSERT_EQ(decisions.size(), 2U) << "watched, and one report an hour";
  EXPECT_EQ(decisions[1].mode, Decision::Mode::kShadow);
  become_another();
  ASSERT_TRUE(mind.exempt(Key::account(subject.account), mind.now() + hours{2}, "migration", "operator"));
  decisions = unknown(40);
  EXPECT_EQ(account(), State::kNormal);
  ASSERT_EQ(decisions.size(), 1U) << "who would only be watched is not told of";
  EXPECT_EQ(decisions[0].mode, Decision::Mode::kExempt);
  EXPECT_EQ(decisions[0].to, State::kThrottled);
  clock.advance(hours{2});
  unknown(25);
  EXPECT_EQ(account(), State::kThrottled) << "exemptions end";
}

TEST_F(ReputationTest, TakesRulesOfPlansAndTenantsLive) {
  auto changed = std::make_shared<PolicyBook>();
  Policy strict = default_policy();
  ASSERT_TRUE(strict.set("account-unknown-recipients", {.count = 5}));
  EXPECT_FALSE(strict.set("account-unknown-recipients", {.count = 0}));
  EXPECT_FALSE(strict.set("no-such-rule", {.count = 5}));
  changed->set_plan("strict", std::make_shared<const Policy>(strict));
  mind.replace(changed);
  subject.plan = "strict";
  unknown(5);
  EXPECT_EQ(account(), State::kThrottled);
}

TEST_F(ReputationTest, RefusesTimesThatMakeNoSense) {
  const Key key = Key::account(subject.account);
  EXPECT_FALSE(mind.set_state(key, State::kQuarantined, mind.now(), "x"));
  EXPECT_FALSE(mind.set_state(key, State::kQuarantined, mind.now() + hours{24 * 367}, "x"));
  EXPECT_FALSE(mind.exempt(key, mind.now() + hours{24 * 367}, "x", "operator"));
  EXPECT_EQ(account(), State::kNormal);
}

TEST_F(ReputationTest, StoresAndRestoresEverything) {
  send(3, 50);
  unknown(30);
  refuse(replies::ReplyClass::kAddressReputation, 2);
  mind.listed(source, "zen.spamhaus.org");
  ASSERT_TRUE(mind.exempt(Key::address(source), mind.now() + hours{1}, "migration", "operator"));
  Reputation other{clock, book};
  for (const auto& change : mind.take_changes(1000)) ASSERT_TRUE(other.restore(change.key, change.value));
  EXPECT_TRUE(mind.take_changes(1000).empty());
  for (const Key& key : {Key::account(subject.account), Key::tenant(subject.tenant), Key::address(source)}) {
    EXPECT_EQ(other.standing(key).words, mind.standing(key).words);
    EXPECT_EQ(other.standing(key).samples, mind.standing(key).samples);
    EXPECT_EQ(other.standing(key).exemption, mind.standing(key).exemption);
    EXPECT_EQ(other.standing(key).changes, mind.standing(key).changes);
  }
  clock.advance(hours{2});
  EXPECT_EQ(other.tick().size(), mind.tick().size());
}

TEST_F(ReputationTest, RefusesDamagedRecords) {
  send(3, 50);
  unknown(30);
  const auto changes = mind.take_changes(1);
  ASSERT_EQ(changes.size(), 1U);
  Reputation other{clock, book};
  const std::string& value = changes[0].value;
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(other.restore(changes[0].key, value.substr(0, size))) << size;
  }
  EXPECT_FALSE(other.restore(changes[0].key, value + "x"));
  EXPECT_FALSE(other.restore("short", value));
  for (int i = 0; i < 2000; ++i) {
    std::string torn = value;
    torn[random.below(torn.size())] = static_cast<char>(random.below(256));
    (void)other.restore(changes[0].key, torn);
  }
}

TEST_F(ReputationTest, ListsTheWorstFirst) {
  unknown(25);
  become_another();
  send(1, 1200);
  const auto list = mind.list(KeyKind::kAccount, State::kWatched, 10);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].state, State::kQuarantined);
  EXPECT_EQ(list[1].state, State::kThrottled);
  EXPECT_EQ(mind.list(KeyKind::kAccount, State::kQuarantined, 10).size(), 1U);
  EXPECT_EQ(mind.list(KeyKind::kAccount, State::kWatched, 1).size(), 1U);
  const auto behind = mind.list(KeyKind::kAccount, State::kWatched, 10, Rank{list[0].state, list[0].key});
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].key, list[1].key);
  EXPECT_TRUE(mind.list(KeyKind::kAccount, State::kWatched, 10, Rank{list[1].state, list[1].key}).empty());
}

TEST_F(ReputationTest, KeepsTheInterestingWhenItIsFull) {
  ReputationLimits limits;
  limits.keys_max.fill(100);
  Reputation small{clock, book, limits};
  const Key bad = Key::account(subject.account);
  for (int i = 0; i < 30; ++i) small.unknown_recipient(subject, "x@a.example");
  for (int i = 0; i < 5000; ++i) {
    become_another();
    const std::uint64_t one = random.next();
    small.submitted({subject, {&one, 1}});
  }
  EXPECT_EQ(small.size(KeyKind::kAccount), 100U);
  EXPECT_EQ(small.size(KeyKind::kClient), 100U);
  EXPECT_EQ(small.state_of(bad), State::kThrottled);
  std::size_t removed = 0;
  for (const auto& change : small.take_changes(100000)) removed += change.value.empty() ? 1U : 0U;
  EXPECT_GT(removed, 4000U);
}

TEST(DistinctCount, IsExactWhileSmallAndNearWhenLarge) {
  DistinctCount count;
  for (int i = 0; i < 32; ++i) {
    count.add(distinct_hash(std::to_string(i)));
    count.add(distinct_hash(std::to_string(i)));
  }
  EXPECT_EQ(count.estimate(), 32);
  for (const int size : {100, 1000, 100000}) {
    DistinctCount large;
    for (int i = 0; i < size; ++i) large.add(distinct_hash("user" + std::to_string(i) + "@a.example"));
    EXPECT_NEAR(large.estimate(), size, size * 0.2);
  }
}

TEST(SignalCount, DecaysAndNeverRunsBackward) {
  SignalCount count;
  const UtcTime start{hours{500000}};
  count.add(start, 100);
  EXPECT_DOUBLE_EQ(count.count(Window::kHour, start), 100);
  EXPECT_DOUBLE_EQ(count.count(Window::kHour, start + seconds{3599}), 100);
  EXPECT_NEAR(count.count(Window::kHour, start + hours{1}), 36.8, 0.1);
  EXPECT_NEAR(count.count(Window::kMinute, start + hours{1}), 0, 0.001);
  count.add(start - hours{5}, 1);
  EXPECT_NEAR(count.count(Window::kDay, start), 101, 0.01);
}

TEST(History, LearnsDaysButNotTaintedOnes) {
  History history;
  UtcTime now{hours{500000}};
  for (int day = 0; day < 10; ++day, now += hours{24}) history.add(now, 20, false);
  EXPECT_EQ(history.days(), 9);
  EXPECT_NEAR(history.daily(), 20, 0.01);
  history.add(now, 100000, true);
  now += hours{24};
  history.add(now, 1, false);
  EXPECT_NEAR(history.busiest(), 20, 3);
  now += hours{24 * 100};
  history.add(now, 1, false);
  EXPECT_LT(history.busiest(), 3);
}

TEST(Keys, AreStoredAndShown) {
  const auto v6 = *IpAddress::parse("2001:db8::1");
  const Key key = Key::address_site(v6, "google.com");
  EXPECT_EQ(Key::decode(key.encoded()), key);
  EXPECT_EQ(key.text(), "address 2001:db8::1 at google.com");
  EXPECT_EQ(Key::address(IpAddress::v4({192, 0, 2, 1})).text(), "address 192.0.2.1");
  EXPECT_NE(Key::address(v6), Key::client(v6));
  EXPECT_FALSE(Key::decode(""));
  EXPECT_FALSE(Key::decode(std::string(18, '\xff')));
}

}  // namespace
}  // namespace bulkhead::reputation

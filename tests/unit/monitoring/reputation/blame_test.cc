// Whose fault it is, and whose not.
#include <algorithm>
#include <utility>

#include "tests/unit/monitoring/reputation/reputation_fixture.h"

namespace bulkhead::reputation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(ReputationTest, AMessageThatIsTriedAgainSaysNothingNew) {
  deliver(20);
  message = "one";
  for (const auto again : {replies::ReplyClass::kAddressReputation, replies::ReplyClass::kContent}) {
    report(DeliveryReport::Result::kDeferred, again, 30);
  }
  EXPECT_EQ(account(), State::kNormal) << "one message, 30 times";
  EXPECT_EQ(mind.state_of(Key::address_site(source, site)), State::kNormal);
  message = "two";
  report(DeliveryReport::Result::kDeferred, replies::ReplyClass::kAddressReputation, 30);
  EXPECT_EQ(account(), State::kNormal);
  message = "three";
  report(DeliveryReport::Result::kDeferred, replies::ReplyClass::kAddressReputation);
  EXPECT_EQ(account(), State::kThrottled) << "three messages";
}

TEST_F(ReputationTest, PeopleOfOneOfficeAreNotBlamedForASitesBadMood) {
  const TenantId office = subject.tenant;
  std::vector<AccountId> people{subject.account};
  for (int i = 0; i < 10; ++i) people.push_back(AccountId::make(clock, random));
  deliver(30);
  for (int n = 0; n < 5; ++n) {
    for (const auto& person : people) {
      subject.account = person;
      message = "message " + std::to_string(n) + person.text();
      send();
      report(DeliveryReport::Result::kDeferred, replies::ReplyClass::kAddressReputation);
    }
  }
  for (const auto& person : people) EXPECT_LT(mind.state_of(Key::account(person)), State::kThrottled);
  EXPECT_EQ(mind.state_of(Key::tenant(office)), State::kNormal);
  EXPECT_EQ(mind.state_of(Key::client(subject.client)), State::kNormal);
  EXPECT_EQ(mind.state_of(Key::address_site(source, site)), State::kThrottled) << "the address waits at the site";
}

TEST_F(ReputationTest, AFloodAmongThemIsStillBlamed) {
  refuse(replies::ReplyClass::kAddressReputation);
  subject.account = AccountId::make(clock, random);
  send(1, 45);
  refuse(replies::ReplyClass::kAddressReputation, 3);
  EXPECT_EQ(account(), State::kThrottled) << "it sends more than twice what is usual";
}

TEST_F(ReputationTest, AnAccountThrottledForItsAddressSpeaksAgainstNobody) {
  for (int i = 0; i < 4; ++i) {
    subject.account = AccountId::make(clock, random);
    site = "site" + std::to_string(i);
    refuse(replies::ReplyClass::kAddressReputation, 3);
    EXPECT_EQ(account(), State::kThrottled);
  }
  EXPECT_LT(tenant(), State::kThrottled);
  EXPECT_EQ(mind.state_of(Key::client(subject.client)), State::kNormal);
}

TEST_F(ReputationTest, StopsAnOutbreakWithinFiveSecondsWhateverAUsualDayHas) {
  for (const int a_day : {0, 20, 120, 600, 1500}) {
    become_another();
    for (int day = 0; day < 10; ++day) {
      for (int i = 0; i < a_day; ++i) {
        send();
        clock.advance(seconds{86400 / a_day});
      }
      if (a_day == 0) clock.advance(hours{24});
    }
    EXPECT_EQ(account(), State::kNormal) << a_day;
    int out = 0;
    for (; out < 1000 && account() < State::kThrottled; ++out) {
      send();
      clock.advance(std::chrono::milliseconds{60});  // 1,000 a minute
    }
    EXPECT_LE(out, 84) << a_day << " a day: more than five seconds";
  }
}

TEST_F(ReputationTest, KnowsWhoSendsMuchInAMinute) {
  for (int day = 0; day < 10; ++day) {
    send(60);
    clock.advance(hours{24});
  }
  send(120);
  EXPECT_LE(account(), State::kWatched) << "twice what it does every day";
  clock.advance(minutes{5});
  send(100, 2);
  EXPECT_EQ(account(), State::kThrottled);
}

TEST_F(ReputationTest, ANewNetworkHalvesWhatMayComeAtOnce) {
  send(1, 60);
  EXPECT_LT(account(), State::kThrottled);
  become_another();
  mind.signed_in({subject, "a@a.example", true, true});
  send(1, 49);
  EXPECT_LT(account(), State::kThrottled);
  const auto decisions = send(1, 1);
  EXPECT_EQ(account(), State::kThrottled);
  ASSERT_FALSE(decisions.empty());
  EXPECT_EQ(decisions[0].rule, "account-new-network");
  EXPECT_NE(decisions[0].words.find("1 sign-ins from networks not seen before"), std::string::npos)
      << decisions[0].words;
}

TEST_F(ReputationTest, OnePersonsComplaintsCountOnceADay) {
  deliver(300);
  for (int i = 0; i < 20; ++i) complain({"judge@a.example"});
  EXPECT_EQ(account(), State::kNormal);
  complain({"second@b.example"});
  EXPECT_EQ(account(), State::kNormal);
  complain({"third@c.example", "judge@a.example"});
  EXPECT_EQ(account(), State::kNormal) << "one of the two has complained today";
  complain({"third@c.example"});
  EXPECT_EQ(account(), State::kNormal) << "so may he have";
  complain({"fourth@d.example"});
  EXPECT_EQ(account(), State::kQuarantined);
  EXPECT_EQ(mind.standing(Key::address(source)).last_day[static_cast<int>(Signal::kComplaints)], 3);
}

TEST_F(ReputationTest, WhoeverMistypesHisPasswordIsNoGuesser) {
  const auto sign_in = [&](int who, bool is_successful) {
    const std::string name = "user" + std::to_string(who) + "@a.example";
    mind.signed_in({{.client = subject.client}, name, is_successful, false});
  };
  for (int day = 0; day < 3; ++day) {
    for (int who = 0; who < 25; ++who) {
      sign_in(who, false);
      sign_in(who, false);
      sign_in(who, true);
    }
  }
  for (int i = 0; i < 200; ++i) sign_in(i % 25, false);  // telephones that have the old password
  EXPECT_EQ(mind.state_of(Key::client(subject.client)), State::kNormal);
  for (int who = 100; who < 130; ++who) sign_in(who, false);
  EXPECT_EQ(mind.state_of(Key::client(subject.client)), State::kQuarantined) << "names that never signed in from there";
}

TEST_F(ReputationTest, NamesThatWereMistypedAndForgivenAreNoneOfASprayers) {
  const auto sign_in = [&](const std::string& name, bool is_successful) {
    mind.signed_in({{.client = subject.client}, name, is_successful, false});
  };
  for (int day = 0; day < 3; ++day) {
    for (int who = 0; who < 20; ++who) {
      sign_in("user" + std::to_string(who), false);
      sign_in("user" + std::to_string(who), true);
    }
    for (int i = 0; i < 36; ++i) {
      sign_in("old-scanner", false);
      clock.advance(minutes{40});
    }
  }
  EXPECT_EQ(mind.state_of(Key::client(subject.client)), State::kNormal);
}

TEST_F(ReputationTest, WhatASuccessForgivesIsAnHourOld) {
  const auto sign_in = [&](const std::string& name, bool is_successful) {
    mind.signed_in({{.client = subject.client}, name, is_successful, false});
  };
  for (int i = 0; i < 15; ++i) {
    sign_in("own", false);
    clock.advance(seconds{5});
  }
  clock.advance(minutes{61});
  for (int i = 0; i < 15; ++i) sign_in("boss", false);
  sign_in("own", true);
  const auto standing = mind.standing(Key::client(subject.client));
  EXPECT_GE(standing.last_hour[static_cast<std::size_t>(Signal::kSignInFailures)], 15) << "guesses are not wiped by it";
}

TEST_F(ReputationTest, AnOutbreakIsNotLearnedFrom) {
  for (int day = 0; day < 5; ++day) {
    send(1, 10);
    clock.advance(hours{24});
  }
  send(1000);  // one message, and nothing after it
  EXPECT_EQ(account(), State::kQuarantined);
  clock.advance(hours{24 * 9});
  mind.tick();
  send();
  for (const Key& key : {Key::account(subject.account), Key::tenant(subject.tenant), Key::domain(subject.domain)}) {
    EXPECT_LE(mind.standing(key).busiest_minute, 20) << key.text();
    EXPECT_LE(mind.standing(key).busiest_day, 20) << key.text();
  }
}

TEST_F(ReputationTest, AnAccountCountsAsBadWhateverItWasThrottledForFirst) {
  for (int i = 0; i < 3; ++i) {
    subject.account = AccountId::make(clock, random);
    site = "site" + std::to_string(i);
    refuse(replies::ReplyClass::kAddressReputation, 3);
    EXPECT_EQ(account(), State::kThrottled);
    unknown(160);
    EXPECT_EQ(account(), State::kQuarantined);
  }
  EXPECT_EQ(mind.standing(Key::tenant(subject.tenant)).last_day[static_cast<std::size_t>(Signal::kBadAccounts)], 3);
}

TEST_F(ReputationTest, AnAccountThatRelapsesIsOneBadAccountAndOneThatIsReleasedNone) {
  const auto bad = [&](const Key& key) {
    return mind.standing(key).last_day[static_cast<std::size_t>(Signal::kBadAccounts)];
  };
  const Key account_key = Key::account(subject.account), tenant_key = Key::tenant(subject.tenant);
  unknown(25);
  clock.advance(minutes{61});
  mind.tick();
  unknown(25);
  EXPECT_EQ(account(), State::kThrottled);
  EXPECT_EQ(bad(tenant_key), 1);
  EXPECT_EQ(bad(Key::client(subject.client)), 1);
  mind.set_state(account_key, State::kRestored, mind.now() + hours{24}, "a false alarm").value();
  EXPECT_LT(bad(tenant_key), 0.1);
  unknown(25);
  EXPECT_NEAR(bad(tenant_key), 1, 0.1) << "it was none";
}

TEST_F(ReputationTest, AMessageToManyIsOneRefusal) {
  replies::Classification meaning;
  const auto refuse_many = [&](replies::ReplyClass primary) {
    meaning.primary = primary;
    meaning.fault = replies::default_fault(primary);
    mind.reported({subject, source, site, DeliveryReport::Result::kDeferred, 50, &meaning, "the reply", "M1"});
  };
  send(50);
  refuse_many(replies::ReplyClass::kAddressReputation);
  refuse_many(replies::ReplyClass::kContent);
  refuse_many(replies::ReplyClass::kDomainReputation);
  EXPECT_LT(account(), State::kThrottled);
  EXPECT_EQ(mind.state_of(Key::address_site(source, site)), State::kNormal);
  EXPECT_EQ(mind.state_of(Key::domain(subject.domain)), State::kNormal);
}

TEST_F(ReputationTest, StrangersAreNoAccount) {
  const Subject sender = std::exchange(subject, Subject{});
  refuse(replies::ReplyClass::kAddressReputation);  // a forward
  subject = sender;
  refuse(replies::ReplyClass::kAddressReputation, 3);
  EXPECT_EQ(account(), State::kThrottled) << "it is the only account that the site refuses";
}

TEST_F(ReputationTest, ComplaintsThatComeLaterFindTheVolume) {
  deliver(120);
  clock.advance(hours{8});
  complain();
  complain();
  complain();
  EXPECT_EQ(account(), State::kQuarantined);
}

TEST_F(ReputationTest, OnProbationMultiplesAreHalvedToo) {
  mind.set_state(Key::account(subject.account), State::kRestored, mind.now() + hours{24}, "again").value();
  send(1, 40);
  EXPECT_EQ(account(), State::kThrottled);
}

TEST_F(ReputationTest, AReportOfAThrottleDoesNotHideOneOfAQuarantine) {
  ASSERT_TRUE(mind.exempt(Key::account(subject.account), mind.now() + hours{2}, "migration", "operator"));
  const auto of_account = [&](const Decisions& decisions) {
    const Key key = Key::account(subject.account);
    return std::ranges::count_if(decisions, [&key](const Decision& decision) { return decision.key == key; });
  };
  EXPECT_EQ(of_account(unknown(150)), 2) << "throttled, and quarantined";
  EXPECT_EQ(of_account(unknown(50)), 0);
}

TEST_F(ReputationTest, WhoHasToMakeRoomIsFree) {
  ReputationLimits limits;
  limits.keys_max.fill(20);
  Reputation small{clock, book, limits};
  for (int i = 0; i < 40; ++i) {
    become_another();
    for (int n = 0; n < 25; ++n) small.unknown_recipient(subject, "x@a.example");
  }
  std::size_t freed = 0;
  for (const auto& decision : small.tick()) {
    freed += decision.rule == "forgotten" && decision.to == State::kNormal ? 1U : 0U;
    EXPECT_EQ(decision.from, State::kThrottled);
  }
  EXPECT_GE(freed, 20U) << "the board must not keep who is gone";
}

TEST_F(ReputationTest, AGuessedAccountIsWatchedAndNeverLocked) {
  for (int i = 0; i < 500; ++i) {
    subject.client = IpAddress::v4({203, 0, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250)});
    mind.signed_in({subject, "a@a.example", false, false});
  }
  EXPECT_EQ(account(), State::kWatched);
  EXPECT_EQ(tenant(), State::kNormal);
}

TEST_F(ReputationTest, CountsEachClassForTheSenderItsDomainAndTheAddress) {
  using enum replies::ReplyClass;
  send();
  for (const auto primary : {kAuthentication, kPolicy, kGreylisting, kTransient, kRate}) refuse(primary, 2);
  unknown(1);
  for (const Key& key : {Key::account(subject.account), Key::domain(subject.domain), Key::address(source),
                         Key::address_site(source, site)}) {
    const auto standing = mind.standing(key);
    const auto day = [&](Signal signal) { return standing.last_day[static_cast<std::size_t>(signal)]; };
    for (const auto signal :
         {Signal::kAuthenticationRefusals, Signal::kPolicyRefusals, Signal::kGreylistings, Signal::kOtherRefusals}) {
      EXPECT_EQ(day(signal), 2) << key.text() << to_string(signal);
    }
    const bool is_sender = key.kind == KeyKind::kAccount || key.kind == KeyKind::kDomain;
    EXPECT_EQ(day(Signal::kUnknownRecipients), is_sender ? 1 : 0) << key.text();
    EXPECT_EQ(day(Signal::kMessages), is_sender ? 1 : 0) << key.text();
  }
}

TEST_F(ReputationTest, ATenantsPolicyLeavesSharedAddressesAndClientsAlone) {
  Policy shadow = default_policy();
  shadow.is_shadow = true;
  book->set_tenant(subject.tenant, "", std::make_shared<const Policy>(shadow));
  deliver(10);
  for (int i = 0; i < 5; ++i) {
    subject.account = AccountId::make(clock, random);
    refuse(replies::ReplyClass::kAddressReputation);
  }
  EXPECT_EQ(mind.state_of(Key::address_site(source, site)), State::kThrottled);
}

TEST_F(ReputationTest, SamplesOfASurgeAreItsMessages) {
  std::vector<std::uint64_t> one{1};
  Decisions decisions;
  for (int i = 0; i < 80; ++i) {
    one[0] = random.next();
    append(decisions, mind.submitted({subject, one, "M" + std::to_string(i)}));
  }
  ASSERT_EQ(account(), State::kThrottled);
  const auto throttled = std::ranges::find(decisions, std::string{"account-surge"}, &Decision::rule);
  ASSERT_NE(throttled, decisions.end());
  const auto& samples = throttled->evidence.samples;
  ASSERT_EQ(samples.size(), Record::kMessageSamplesMax) << "they leave room for what speaks";
  EXPECT_NE(samples.back().text.find("message M79 of a@a.example to 1 recipient, client 198.51.100.1"),
            std::string::npos)
      << samples.back().text;
}

TEST_F(ReputationTest, RemembersHowItCameThere) {
  unknown(25);
  clock.advance(minutes{61});
  mind.tick();
  const auto changes = mind.standing(Key::account(subject.account)).changes;
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[0].to, State::kWatched);
  EXPECT_EQ(changes[0].rule, "account-unknown-recipients-watch");
  EXPECT_EQ(changes[1].to, State::kThrottled);
  EXPECT_EQ(changes[2].to, State::kRestored);
}

TEST_F(ReputationTest, AListedDomainIsWatched) {
  mind.domain_listed("a.example", "dbl.spamhaus.org");
  EXPECT_EQ(mind.state_of(Key::domain("a.example")), State::kWatched);
}

}  // namespace
}  // namespace bulkhead::reputation

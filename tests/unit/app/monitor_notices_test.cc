#include "src/app/monitor_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/fake_directory.h"

namespace bulkhead::app {
namespace {

using listings::Subject;
using listings::Transition;
using ::testing::HasSubstr;
using ::testing::Not;
using State = netpolicy::Readiness::State;

const IpAddress kIp = *IpAddress::parse("9.9.9.9");

Transition transition(Transition::Kind kind, Subject subject) {
  Transition made;
  made.kind = kind;
  made.zone = "bl.example";
  made.subject = std::move(subject);
  made.codes = {*IpAddress::parse("127.0.0.2")};
  return made;
}

netpolicy::ReadinessChange change(State before, State now, bool was_ready, bool was_withheld) {
  const AddressId id = AddressId::from_bytes(std::string(16, 'a'));
  return {{id, kIp, "mx.example", ""},
          {now, now == State::kReady ? "" : "It has no PTR record.", "Ask for one."},
          before,
          was_ready,
          was_withheld};
}

std::string subject_text(const std::optional<Notice>& notice) {
  return notice ? notice->subject : "";
}

TEST(MonitorNotices, AListingAndItsEndAreTold) {
  const auto listed = notice_of(transition(Transition::Kind::kListed, Subject::of(kIp)));
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->subject, "address 9.9.9.9 is listed by bl.example");
  EXPECT_THAT(listed->text, HasSubstr("It answers 127.0.0.2."));
  EXPECT_THAT(listed->text, HasSubstr("bulkhead listing list --address 9.9.9.9"));
  const auto ended = notice_of(transition(Transition::Kind::kDelisted, Subject::of(kIp)));
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->subject, "address 9.9.9.9 is no longer listed by bl.example");
  EXPECT_EQ(ended->about, listed->about) << "told once when it ends before it was told";
  const auto domain = notice_of(transition(Transition::Kind::kListed, Subject::of("acme.example")));
  ASSERT_TRUE(domain);
  EXPECT_EQ(domain->subject, "domain acme.example is listed by bl.example");
  EXPECT_THAT(domain->text, HasSubstr("--domain acme.example"));
}

TEST(MonitorNotices, AListingThatARefusalNamesSaysWhoNamedIt) {
  auto named = transition(Transition::Kind::kListed, Subject::of(kIp));
  named.codes.clear();
  named.why = "says far.example, which points to https://bl.example/q";
  const auto notice = notice_of(named);
  ASSERT_TRUE(notice);
  EXPECT_THAT(notice->text,
              HasSubstr("is listed by bl.example, says far.example, which points to https://bl.example/q."));
  EXPECT_THAT(notice->text, HasSubstr("bulkhead reputation history 9.9.9.9"));
  EXPECT_THAT(notice->text, Not(HasSubstr("It answers")));
}

TEST(MonitorNotices, WhatHappensToListsIsNoMail) {
  for (const auto kind :
       {Transition::Kind::kForgotten, Transition::Kind::kZoneSetAside, Transition::Kind::kZoneTrusted}) {
    EXPECT_FALSE(notice_of(transition(kind, Subject::of(kIp))));
  }
}

TEST(MonitorNotices, LostAndRegainedReadinessIsTold) {
  const auto lost = notice_of(change(State::kReady, State::kUnready, true, false), false);
  EXPECT_EQ(subject_text(lost), "address 9.9.9.9 is not ready to send any more");
  EXPECT_THAT(lost->text, HasSubstr("It has no PTR record.\nAsk for one."));
  EXPECT_EQ(subject_text(notice_of(change(State::kUnready, State::kReady, true, false), false)),
            "address 9.9.9.9 is ready to send again");
}

TEST(MonitorNotices, WhatWaitsIsToldAndWhenItGoes) {
  const auto waits = change(State::kUnknown, State::kUnready, false, true);
  EXPECT_EQ(subject_text(notice_of(waits, true)), "address 9.9.9.9 is not ready to send, and its mail waits");
  EXPECT_THAT(notice_of(waits, true)->text, HasSubstr("--ready yes"));
  EXPECT_THAT(notice_of(waits, false)->text, Not(HasSubstr("--ready yes"))) << "an operator's to say";
  EXPECT_EQ(subject_text(notice_of(change(State::kUnready, State::kReady, false, true), false)),
            "address 9.9.9.9 is ready to send, and its mail leaves");
  const auto unjudged = change(State::kUnknown, State::kUnknown, false, true);
  EXPECT_EQ(subject_text(notice_of(unjudged, true)), "address 9.9.9.9 sends unchecked");
  EXPECT_FALSE(notice_of(unjudged, false));
}

TEST(MonitorNotices, AFirstLookAtWhatSendsAnywayIsNoNews) {
  EXPECT_FALSE(notice_of(change(State::kUnknown, State::kUnready, false, false), true));
  EXPECT_FALSE(notice_of(change(State::kUnready, State::kReady, false, false), true));
  EXPECT_FALSE(notice_of(change(State::kUnknown, State::kReady, false, true), true)) << "it never waited for long";
}

TEST(MonitorNotices, ConcernTheOwner) {
  testlib::FakeDirectory directory;
  const auto acme = directory.add_tenant("acme");
  directory.add_domain(acme, "acme.example");
  directory.add_address("9.9.9.9", acme, "mx");
  directory.add_address("9.9.9.8", std::nullopt, "mx");
  directory.publish();
  const auto snapshot = directory.snapshot();
  EXPECT_EQ(owner_of(*snapshot, Subject::of(kIp)), acme);
  EXPECT_EQ(owner_of(*snapshot, Subject::of("acme.example")), acme);
  EXPECT_TRUE(owner_of(*snapshot, Subject::of(*IpAddress::parse("9.9.9.8"))).is_nil());
  EXPECT_TRUE(owner_of(*snapshot, Subject::of("other.example")).is_nil());
}

}  // namespace
}  // namespace bulkhead::app

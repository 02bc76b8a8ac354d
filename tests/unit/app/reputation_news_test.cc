#include "src/app/reputation_news.h"

#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::app {
namespace {

using reputation::ComplaintReport;
using reputation::ReplyReport;

Feedback bounce(const std::string& status) {
  Feedback feedback;
  feedback.kind = Feedback::Kind::kBounce;
  feedback.account = AccountId::from_bytes("account account ");
  feedback.sender = "news@acme.example";
  feedback.source = *IpAddress::parse("192.0.2.1");
  feedback.status = status;
  feedback.text = "not delivered after all";
  return feedback;
}

TEST(ReputationNews, AComplaintCountsAsOne) {
  Feedback feedback = bounce("");
  feedback.kind = Feedback::Kind::kComplaint;
  const auto report = report_of(feedback);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->sender.domain, "acme.example");
  EXPECT_TRUE(std::holds_alternative<ComplaintReport>(report->event));
}

TEST(ReputationNews, ALateBounceOfNobodyIsAnUnknownRecipientAndBlamesNoAddress) {
  for (const char* status : {"5.1.1", "5.1.0", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}) {
    const auto report = report_of(bounce(status));
    ASSERT_TRUE(report) << status;
    const auto& reply = std::get<ReplyReport>(report->event);
    EXPECT_EQ(reply.meaning->primary, replies::ReplyClass::kRecipient) << status;
    EXPECT_EQ(reply.meaning->detail, "unknown-user") << status;
    EXPECT_EQ(reply.result, reputation::DeliveryReport::Result::kRefused);
    EXPECT_TRUE(reply.source.is_unspecified());
    EXPECT_TRUE(reply.site.empty());
  }
}

TEST(ReputationNews, ADisabledMailboxIsABounceAndNoUnknownRecipient) {
  const auto report = report_of(bounce("5.2.1"));
  ASSERT_TRUE(report);
  EXPECT_EQ(std::get<ReplyReport>(report->event).meaning->detail, "disabled");
}

TEST(ReputationNews, WhatTheSenderCouldNotAvoidOrNobodyCanReadCountsForNothing) {
  for (const char* status : {"5.2.2", "4.1.1", "4.4.7", "5.7.1", "5.3.0", "5.1.7", "", "5", "5.1", "x.y.z", "550"}) {
    EXPECT_FALSE(report_of(bounce(status))) << status;
  }
}

TEST(ReputationNews, TwentyFiveLateBouncesOfNobodyThrottleTheAccount) {
  testlib::ManualClock clock;
  reputation::Reputation reputation{clock, std::make_shared<const reputation::PolicyBook>()};
  const auto report = report_of(bounce("5.1.1"));
  ASSERT_TRUE(report);
  const auto& reply = std::get<ReplyReport>(report->event);
  const auto key = reputation::Key::account(report->sender.account);
  for (int i = 0; i < 25; ++i) {
    EXPECT_NE(reputation.state_of(key), reputation::State::kThrottled) << i;
    reputation.reported({.subject = {.account = report->sender.account},
                         .source = {},
                         .site = {},
                         .result = reply.result,
                         .recipients = reply.recipients,
                         .meaning = reply.meaning.get(),
                         .reply = reply.text});
  }
  EXPECT_EQ(reputation.state_of(key), reputation::State::kThrottled);
}

}  // namespace
}  // namespace bulkhead::app

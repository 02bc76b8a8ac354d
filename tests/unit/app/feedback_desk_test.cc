#include "src/app/feedback_desk.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/recording_trace.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using trace::EventKind;

class FeedbackDeskTest : public ::testing::Test {
 protected:
  FeedbackDeskTest() {
    directory_ = std::move(*tenants::open_sqlite_directory(files_.path() + "/d.sqlite", clock_, random_));
    tenants::Tenant tenant;
    tenant.name = "acme";
    acme_ = directory_->create_tenant(tenant)->id;
    tenant.name = "other";
    other_ = directory_->create_tenant(tenant)->id;
    live_ = std::move(*tenants::LiveDirectory::load(*directory_, pool_, log_));
    desk_ = std::make_unique<FeedbackDesk>(
        FeedbackDesk::Parts{store_, trace_, *live_, metrics_, clock_, log_,
                            [this](const Feedback& feedback) { told_.push_back(feedback); }});
    sent_ = send(acme_, {"x@remote.test", "y@remote.test"});
  }

  // A message of the tenant that was delivered elsewhere.
  MessageId send(const TenantId& tenant, std::vector<std::string> recipients, const char* remote = "mx.remote.test") {
    trace::Event event;
    event.id = MessageId::make(clock_, random_);
    event.tenant = tenant;
    event.account = account_;
    event.account_name = "a@acme.example";
    event.sender = "a@acme.example";
    event.kind = EventKind::kReceived;
    trace_.record(event);
    event.kind = EventKind::kDelivered;
    event.remote = remote;
    event.source = IpAddress::parse("192.0.2.1");
    event.recipients = std::move(recipients);
    trace_.record(event);
    return event.id;
  }
  queue::Message mail(const std::string& body) {
    store::Transaction transaction;
    auto writer = store_.new_blob();
    EXPECT_TRUE(writer->append(body));
    transaction.blobs.push_back({std::move(writer), 1});
    queue::Message message;
    message.id = MessageId::make(clock_, random_);
    message.size = body.size();
    message.sender.address = *mail::Address::parse("fbl@provider.test");
    store_.commit(std::move(transaction), [&](Result<store::Committed> done) { message.body = done->blobs.at(0); });
    return message;
  }
  std::string complaint(const MessageId& id, const std::string& recipient, const char* type = "abuse") {
    return "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n"
           "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: " +
           std::string{type} + "\r\n" + (recipient.empty() ? "" : "Original-Rcpt-To: <" + recipient + ">\r\n") +
           "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nReceived: from a by b with ESMTPSA id " + id.text() +
           "; Mon\r\n\r\n--b--\r\n";
  }
  std::string bounce(const MessageId& id, const std::string& recipient, const char* action = "failed") {
    return "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
           "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; " +
           recipient + "\r\nAction: " + action + "\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 gone\r\n\r\n" +
           "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nReceived: from a by b with ESMTPSA id " + id.text() +
           "; Mon\r\n\r\n--b--\r\n";
  }
  std::vector<trace::Event> take(const queue::Message& message) {
    auto events = desk_->take(message, acme_);
    EXPECT_TRUE(events);
    return events.value_or(std::vector<trace::Event>{});
  }
  std::vector<trace::Event> take(const std::string& body) { return take(mail(body)); }
  bool counted(const std::string& outcome) {
    return metrics_.exposition().find("outcome=\"" + outcome + "\"} ") != std::string::npos;
  }

  testlib::ManualClock clock_;
  SeededRandom random_{7};
  testlib::RecordingLog log_;
  testlib::TemporaryDirectory files_;
  testlib::FakeStore store_;
  testlib::RecordingTrace trace_;
  net::BlockingPool pool_{1, 10};
  monitoring::Metrics metrics_{{}, clock_};
  std::unique_ptr<tenants::Directory> directory_;
  std::unique_ptr<tenants::LiveDirectory> live_;
  TenantId acme_, other_;
  AccountId account_ = AccountId::make(clock_, random_);
  MessageId sent_;
  std::unique_ptr<FeedbackDesk> desk_;
  std::vector<Feedback> told_;
};

TEST_F(FeedbackDeskTest, AComplaintBecomesAnEventOfItsMessageOnce) {
  const auto events = take(complaint(sent_, "X@remote.test"));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, EventKind::kComplained);
  EXPECT_EQ(events[0].id, sent_);
  EXPECT_EQ(events[0].tenant, acme_);
  EXPECT_EQ(events[0].account, account_);
  EXPECT_THAT(events[0].recipients, ElementsAre("X@remote.test"));
  EXPECT_THAT(events[0].detail, HasSubstr("complaint (abuse), reported by fbl@provider.test"));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].account, account_);
  EXPECT_EQ(told_[0].source.text(), "192.0.2.1");
  EXPECT_TRUE(take(complaint(sent_, "y@remote.test")).empty()) << "once a message, at once";
  trace_.record(events[0]);
  EXPECT_TRUE(take(complaint(sent_, "x@remote.test")).empty());
  EXPECT_EQ(told_.size(), 1U);
  EXPECT_TRUE(counted("complaint") && counted("repeated"));
}

TEST_F(FeedbackDeskTest, AFurtherTryOfTheSameReportTellsTheSameAgain) {
  const auto report = mail(complaint(sent_, "x@remote.test"));
  EXPECT_EQ(take(report).size(), 1U);
  EXPECT_EQ(take(report).size(), 1U) << "its commit had failed";
  EXPECT_EQ(told_.size(), 1U);
}

TEST_F(FeedbackDeskTest, ForgedComplaintsChangeNothing) {
  EXPECT_TRUE(take(complaint(MessageId::make(clock_, random_), "x@remote.test")).empty()) << "never sent";
  EXPECT_TRUE(take(complaint(sent_, "z@remote.test")).empty()) << "not to that recipient";
  const auto foreign = send(other_, {"x@remote.test"});
  EXPECT_TRUE(take(complaint(foreign, "x@remote.test")).empty()) << "of another tenant";
  const auto local = send(acme_, {"x@remote.test"}, "");
  EXPECT_TRUE(take(complaint(local, "x@remote.test")).empty()) << "delivered here";
  EXPECT_TRUE(told_.empty());
  EXPECT_TRUE(counted("unproven"));
}

TEST_F(FeedbackDeskTest, AComplaintMayBeOfAnybodyWhoGotTheMessage) {
  const MessageId sent = send(acme_, {"Ann+x@gmail.com", "b@mail.remote.test"});
  take(complaint(sent, "ann+x@gmail.com"));
  EXPECT_THAT(told_.back().people, ElementsAre("ann@gmail.com", "remote.test"));
}

TEST_F(FeedbackDeskTest, AHiddenRecipientIsBelievedOnTheIdAlone) {
  EXPECT_EQ(take(complaint(sent_, "")).size(), 1U);
}

TEST_F(FeedbackDeskTest, WhatIsNotAgainstTheMessageAndWhatIsNoReportIsCountedOnly) {
  EXPECT_TRUE(take(complaint(sent_, "x@remote.test", "not-spam")).empty());
  EXPECT_TRUE(take(std::string{"Subject: hello\r\n\r\nI am no report"}).empty());
  EXPECT_TRUE(take(std::string{}).empty());
  EXPECT_TRUE(told_.empty());
  EXPECT_TRUE(counted("neutral") && counted("unreadable"));
}

TEST_F(FeedbackDeskTest, ALateBounceCountsOnceForEachRecipient) {
  const auto events = take(bounce(sent_, "x@remote.test"));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, EventKind::kReturned);
  EXPECT_EQ(events[0].reply, "5.1.1 550 gone");
  EXPECT_EQ(told_.at(0).status, "5.1.1");
  EXPECT_TRUE(take(bounce(sent_, "x@remote.test")).empty());
  EXPECT_EQ(take(bounce(sent_, "y@remote.test")).size(), 1U);
  EXPECT_TRUE(take(bounce(sent_, "z@remote.test")).empty());
  EXPECT_TRUE(take(bounce(sent_, "x@remote.test", "delayed")).empty());
}

TEST_F(FeedbackDeskTest, ReadsSixtyReportsOfATenantInAMinute) {
  const auto report = mail(complaint(sent_, "x@remote.test"));
  for (std::uint32_t i = 0; i < FeedbackDesk::kReportsMax - 1; ++i) EXPECT_EQ(take(report).size(), 1U);
  EXPECT_EQ(take(report).size(), 1U) << "the sixtieth";
  EXPECT_FALSE(counted("too_many"));
  EXPECT_TRUE(take(report).empty());
  EXPECT_TRUE(counted("too_many"));
  const auto foreign = send(other_, {"x@remote.test"});
  EXPECT_EQ(desk_->take(mail(complaint(foreign, "x@remote.test")), other_)->size(), 1U) << "another tenant's";
  clock_.advance(std::chrono::minutes{1});
  EXPECT_EQ(take(report).size(), 1U);
}

TEST_F(FeedbackDeskTest, WhatCannotBeReadNowIsTriedAgain) {
  auto report = mail(complaint(sent_, "x@remote.test"));
  report.body.offset += 1000;
  EXPECT_FALSE(desk_->take(report, acme_));
}

TEST_F(FeedbackDeskTest, AReportThatNamesARecipientInManyWaysCountsItOnce) {
  auto report = bounce(sent_, "x@remote.test");
  const std::string again =
      "\r\n\r\nFinal-Recipient: rfc822; X@Remote.Test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
      "Final-Recipient: rfc822; x@remote.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n";
  report.insert(report.find("\r\n\r\n--b\r\nContent-Type: text/rfc822-headers"), again.substr(0, again.size() - 4));
  const auto message = mail(report);
  EXPECT_EQ(take(message).size(), 1U);
  EXPECT_EQ(take(message).size(), 1U) << "a further try";
  EXPECT_TRUE(take(bounce(sent_, "X@REMOTE.test")).empty());
  EXPECT_EQ(told_.size(), 1U);
}

}  // namespace
}  // namespace bulkhead::app

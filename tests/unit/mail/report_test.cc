#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/mail/arf.h"
#include "src/mail/bounce_report.h"
#include "src/mail/dsn.h"

namespace bulkhead::mail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kId = "01JDABCDEFGHJKMNPQRSTVWXYZ";

// With CRLF, as messages are stored.
std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n" : std::string{c};
  return out;
}

std::string original() {
  return std::string{
             "Received: from mx.node.test ([192.0.2.1]) by mx.remote.test with ESMTPS id 4AbCdE1234;\n"
             "\tMon, 23 Nov 2026 10:00:01 +0000\n"
             "Received: from pc (laptop [198.51.100.7])\n\tby mx.node.test ([192.0.2.1])\n\twith ESMTPSA id "} +
         kId + "\n\tfor <x@remote.test>;\n\tMon, 23 Nov 2026 10:00:00 +0000\nFrom: a@one.test\nSubject: Offer\n" +
         "Message-ID: <m1@one.test>\n";
}

std::string arf(const std::string& fields, const std::string& type = "message/rfc822") {
  return crlf(
      "From: <abuse@remote.test>\nSubject: FW: Offer\nMIME-Version: 1.0\n"
      "Content-Type: multipart/report; report-type=feedback-report;\n\tboundary=\"part 1=\"\n\n"
      "Preamble.\n--part 1=\nContent-Type: text/plain\n\nThis is an abuse report.\n"
      "--part 1=\nContent-Type: message/feedback-report\n\n" +
      fields + "\n--part 1=  \nContent-Type: " + type + "\n\n" + original() + "\nBuy!\n--part 1=--\nEpilogue.\n");
}

const std::string kFields =
    "Feedback-Type: Abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n"
    "Original-Mail-From: <a@one.test>\nOriginal-Rcpt-To: <x@remote.test>\nSource-IP: 192.0.2.1\n";

TEST(Complaint, ReadsWhatARfcReportSays) {
  const auto read = parse_complaint(arf(kFields));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->feedback_type, "abuse");
  EXPECT_TRUE(read->is_against());
  EXPECT_EQ(read->user_agent, "SomeGenerator/1.0");
  EXPECT_THAT(read->recipients, ElementsAre("x@remote.test"));
  EXPECT_THAT(read->original.ids, ElementsAre(*MessageId::parse(kId)));
  EXPECT_EQ(read->original.message_id, "<m1@one.test>");
}

TEST(Complaint, TakesBareLineFeedsHeadersOnlyAndHiddenRecipients) {
  auto text = arf("Feedback-Type: fraud\nUser-Agent: x\nVersion: 1\n", "text/rfc822-headers");
  std::erase(text, '\r');
  const auto read = parse_complaint(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->recipients.empty());
  EXPECT_EQ(read->original.ids.size(), 1U);
}

TEST(Complaint, NotSpamIsNoneAgainstTheMessage) {
  EXPECT_FALSE(parse_complaint(arf("Feedback-Type: not-spam\n"))->is_against());
  EXPECT_FALSE(parse_complaint(arf("Feedback-Type: auth-failure\n"))->is_against());
  EXPECT_TRUE(parse_complaint(arf("Feedback-Type: opt-out\n"))->is_against());
}

TEST(Complaint, UndoesTransferEncodings) {
  const std::string encoded =
      "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
      "--b\nContent-Type: message/feedback-report\nContent-Transfer-Encoding: base64\n\n"
      "RmVlZGJhY2stVHlwZTog\nYWJ1c2UKVmVyc2lvbjogMQo=\n"
      "--b\nContent-Type: text/rfc822-headers\nContent-Transfer-Encoding: quoted-printable\n\n"
      "Received: from a by b with ESMTP=\n id=2001JDABCDEFGHJKMNPQRSTVWXYZ; =\nMon\nMessage-ID: <=3D@x>\n--b--\n";
  const auto read = parse_complaint(crlf(encoded));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->feedback_type, "abuse");
  EXPECT_EQ(read->original.message_id, "<=@x>");
  EXPECT_EQ(read->original.ids.size(), 1U);
}

std::string refusal(std::string_view message) {
  const auto read = parse_complaint(message);
  return read ? "" : read.error().message;
}

TEST(Complaint, RefusesWhatIsNone) {
  EXPECT_THAT(refusal(""), HasSubstr("no multipart/report"));
  EXPECT_THAT(refusal("Subject: x\r\n\r\nbody"), HasSubstr("no multipart/report"));
  EXPECT_THAT(refusal("Content-Type: multipart/report\r\n\r\n--\r\n"), HasSubstr("boundary"));
  EXPECT_THAT(refusal("Content-Type: multipart/report; boundary=" + std::string(71, 'b') + "\r\n\r\n"),
              HasSubstr("boundary"));
  EXPECT_THAT(refusal("Content-Type: multipart/report; boundary=b\r\n\r\nnothing"), HasSubstr("no parts"));
  EXPECT_THAT(refusal("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx"), HasSubstr("feedback-report"));
  EXPECT_THAT(refusal(arf("Version: 1\n")), HasSubstr("Feedback-Type"));
}

TEST(Complaint, StaysWithinItsBounds) {
  std::string many = "Feedback-Type: abuse\n";
  for (int i = 0; i < 1000; ++i) many += "Original-Rcpt-To: <r" + std::to_string(i) + "@remote.test>\n";
  const auto read = parse_complaint(arf(many));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->recipients.size(), Complaint::kRecipientsMax);

  std::string parts = "Content-Type: multipart/report; boundary=b\n\n";
  for (int i = 0; i < 1000; ++i) parts += "--b\n\n" + std::to_string(i) + "\n";
  EXPECT_EQ(parse_report(crlf(parts))->parts.size(), Report::kPartsMax);

  std::string chain =
      "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n"
      "Feedback-Type: abuse\n--b\nContent-Type: message/rfc822\n\n";
  for (int i = 0; i < 400; ++i) {
    auto id = std::string{kId};
    id[20] = static_cast<char>('0' + i / 100), id[21] = static_cast<char>('0' + i / 10 % 10);
    id[22] = static_cast<char>('0' + i % 10);
    chain += "Received: from a by b with SMTP id " + id + "; x\n";
  }
  EXPECT_EQ(parse_complaint(crlf(chain))->original.ids.size(), ReportedOriginal::kIdsMax);
  EXPECT_FALSE(parse_complaint(std::string(2'000'000, 'a')));
  EXPECT_EQ(header_fields("A: " + std::string(1'000'000, 'x'))[0].body.size(), HeaderField::kBodyMax);
  std::string folded = "A: x\r\n";
  for (int i = 0; i < 10'000; ++i) folded += " yyyyyyyyyy\r\n";
  EXPECT_LE(header_fields(folded)[0].body.size(), HeaderField::kBodyMax);
}

TEST(Bounce, ReadsWhatOurOwnReportsSay) {
  DsnRequest request;
  request.node_name = "mx.remote.test";
  request.to.address = *Address::parse("a@one.test");
  request.unique = "unique1";
  DsnRecipient recipient;
  recipient.recipient.address = *Address::parse("x@remote.test");
  recipient.recipient.orcpt = "rfc822;y@remote.test";
  recipient.code = 550;
  recipient.enhanced = "5.1.1";
  recipient.text = "no such user";
  recipient.is_from_remote = true;
  recipient.remote_mta = "inner.remote.test";
  request.recipients = {recipient};
  request.original = crlf(original());
  const auto read = parse_bounce(build_dsn(request).text);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->recipients.size(), 1U);
  EXPECT_EQ(read->recipients[0].address, "x@remote.test");
  EXPECT_EQ(read->recipients[0].original_address, "y@remote.test");
  EXPECT_EQ(read->recipients[0].action, "failed");
  EXPECT_EQ(read->recipients[0].status, "5.1.1");
  EXPECT_THAT(read->recipients[0].diagnostic, HasSubstr("no such user"));
  EXPECT_EQ(read->reporting_mta, "mx.remote.test");
  EXPECT_THAT(read->original.ids, ElementsAre(*MessageId::parse(kId)));
}

TEST(Bounce, RefusesWhatNamesNoRecipientAndBoundsTheRest) {
  const std::string head =
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
      "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.remote.test\n\n";
  EXPECT_FALSE(parse_bounce(crlf(head + "--b--\n")));
  EXPECT_FALSE(parse_bounce(arf(kFields)));
  std::string many = head;
  for (int i = 0; i < 1000; ++i) many += "Final-Recipient: rfc822; r@x.test\nAction: failed\nStatus: 5.1.1 (no)\n\n";
  const auto read = parse_bounce(crlf(many));
  ASSERT_TRUE(read);
  EXPECT_LE(read->recipients.size(), BounceReport::kRecipientsMax);
  EXPECT_EQ(read->recipients[0].status, "5.1.1");
}

TEST(Report, FindsAddressesHoweverTheyAreWritten) {
  EXPECT_EQ(address_in("rfc822; a@b.test "), "a@b.test");
  EXPECT_EQ(address_in("<a@b.test>"), "a@b.test");
  EXPECT_EQ(address_in("a@b.test"), "a@b.test");
  EXPECT_EQ(address_in("rfc822;<a@b.test"), "a@b.test");
  EXPECT_EQ(address_in(""), "");
  EXPECT_EQ(address_in(std::string(1000, 'a')).size(), 320U);
}

}  // namespace
}  // namespace bulkhead::mail

#include "src/mail/dsn.h"

#include <gtest/gtest.h>

#include "src/mail/report.h"

namespace bulkhead::mail {
namespace {

DsnRequest request(DsnKind kind = DsnKind::kFailure) {
  DsnRequest made;
  made.kind = kind;
  made.node_name = "mx1.isp.test";
  made.to.address = Address{"sender", "from.test"};
  made.unique = "01ABC";
  made.original = "Subject: Hello\r\nFrom: x@from.test\r\n";
  DsnRecipient recipient;
  recipient.recipient.address = {"user", "to.test"};
  recipient.code = 550;
  recipient.enhanced = "5.1.1";
  recipient.text = "no such user";
  recipient.is_from_remote = true;
  recipient.remote_mta = "mx.to.test";
  made.recipients.push_back(recipient);
  return made;
}

bool has(const DsnText& dsn, std::string_view part) {
  return dsn.text.find(part) != std::string::npos;
}

// Every line ends with CRLF, none is longer than RFC 5322 allows, no NUL.
void expect_well_formed(const std::string& text) {
  std::size_t line = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    ASSERT_NE(text[i], '\0');
    if (text[i] == '\n') {
      ASSERT_TRUE(i > 0 && text[i - 1] == '\r') << "a bare LF at " << i;
      line = 0;
    } else {
      ASSERT_LE(++line, 999U);
    }
    if (text[i] == '\r') {
      ASSERT_TRUE(i + 1 < text.size() && text[i + 1] == '\n') << "a bare CR at " << i;
    }
  }
}

TEST(Dsn, ReportsAFailureInThreeParts) {
  const auto dsn = build_dsn(request());
  expect_well_formed(dsn.text);
  EXPECT_TRUE(has(dsn, "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_report_01ABC\""));
  EXPECT_TRUE(has(dsn, "To: <sender@from.test>\r\n"));
  EXPECT_TRUE(has(dsn, "Auto-Submitted: auto-replied\r\n"));
  EXPECT_TRUE(has(dsn, "host mx.to.test said: 550 5.1.1 no such user\r\n"));
  EXPECT_TRUE(has(dsn, "Content-Type: message/delivery-status\r\n"));
  EXPECT_TRUE(has(dsn, "Reporting-MTA: dns; mx1.isp.test\r\n"));
  EXPECT_TRUE(has(dsn, "\r\nFinal-Recipient: rfc822; user@to.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
  EXPECT_TRUE(has(dsn, "Remote-MTA: dns; mx.to.test\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
  EXPECT_TRUE(has(dsn, "Content-Type: text/rfc822-headers\r\n"));
  EXPECT_TRUE(has(dsn, "Subject: Hello\r\nFrom: x@from.test\r\n"));
  EXPECT_TRUE(dsn.text.ends_with("--=_report_01ABC--\r\n"));
  EXPECT_FALSE(dsn.is_8bit);
  EXPECT_FALSE(dsn.is_smtputf8);
}

TEST(Dsn, EachKindHasItsSubjectAndAction) {
  auto delay = request(DsnKind::kDelay);
  delay.recipients[0].action = DsnAction::kDelayed;
  delay.recipients[0].enhanced.clear();
  delay.recipients[0].code = 451;
  delay.recipients[0].retry_until = UtcTime{std::chrono::seconds{1000000000}};
  const auto delayed = build_dsn(delay);
  EXPECT_TRUE(has(delayed, "Action: delayed\r\nStatus: 4.0.0\r\n"));
  EXPECT_TRUE(has(delayed, "Will-Retry-Until: Sun, 9 Sep 2001 01:46:40 +0000\r\n") ||
              has(delayed, "Will-Retry-Until: Sun, 09 Sep 2001 01:46:40 +0000\r\n"));
  auto success = request(DsnKind::kSuccess);
  success.recipients[0].action = DsnAction::kRelayed;
  success.recipients[0].code = 250;
  success.recipients[0].enhanced.clear();
  const auto relayed = build_dsn(success);
  EXPECT_TRUE(has(relayed, "Action: relayed\r\nStatus: 2.0.0\r\n"));
  EXPECT_NE(delayed.subject, relayed.subject);
}

TEST(Dsn, AHostileReplyCannotBeginAFieldOrAPart) {
  auto hostile = request();
  hostile.recipients[0].text = "no\r\nAction: delivered\r\n\r\n--=_report_01ABC\r\nX: \x01\xFF\n.\r\n";
  hostile.recipients[0].remote_mta = "mx\r\nStatus: 2.0.0";
  hostile.recipients[0].enhanced = "5.1.1\r\nX-Evil: 1";
  const auto dsn = build_dsn(hostile);
  expect_well_formed(dsn.text);
  EXPECT_FALSE(has(dsn, "\r\nAction: delivered"));
  EXPECT_FALSE(has(dsn, "\r\nX-Evil"));
  EXPECT_FALSE(has(dsn, "\r\nStatus: 2.0.0"));
  EXPECT_TRUE(has(dsn, "\\x01\\xFF"));
  EXPECT_TRUE(has(dsn, "Status: 5.0.0\r\n")) << "a malformed enhanced code is replaced";
  std::size_t boundaries = 0;
  for (auto at = dsn.text.find("\r\n--=_report_01ABC"); at != std::string::npos;
       at = dsn.text.find("\r\n--=_report_01ABC", at + 1)) {
    ++boundaries;
  }
  EXPECT_EQ(boundaries, 4U);
}

TEST(Dsn, AMegabyteOfReplyIsBoundedAndFolded) {
  auto endless = request();
  endless.recipients[0].text.assign(1000000, 'x');
  const auto dsn = build_dsn(endless);
  expect_well_formed(dsn.text);
  EXPECT_LT(dsn.text.size(), 10000U);
}

TEST(Dsn, EnvidAndOrcptAreXtextAgain) {
  auto made = request();
  made.to.envid = "QQ 314+159";
  made.recipients[0].recipient.orcpt = "rfc822;Bob=a\r\nEvil: 1@to.test";
  const auto dsn = build_dsn(made);
  expect_well_formed(dsn.text);
  EXPECT_TRUE(has(dsn, "Original-Envelope-Id: QQ+20314+2B159\r\n"));
  EXPECT_TRUE(has(dsn, "Original-Recipient: rfc822;Bob+3Da+0D+0AEvil:+201@to.test\r\n"));
}

TEST(Dsn, AnUtf8AddressNeedsGlobalDeliveryStatus) {
  auto made = request();
  made.recipients[0].recipient.address.local = "j\xC3\xBCrgen";
  const auto dsn = build_dsn(made);
  EXPECT_FALSE(dsn.is_smtputf8) << "it goes to an address of ASCII";
  EXPECT_FALSE(dsn.is_8bit);
  EXPECT_TRUE(
      has(dsn, "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
  EXPECT_TRUE(has(dsn, "Final-Recipient: utf-8; j=C3=BCrgen@to.test\r\n"));
  made.to.address->local = "\xC3\xA4nn";
  EXPECT_TRUE(build_dsn(made).is_smtputf8);
}

TEST(Dsn, A8BitHeaderOfTheOriginalTravelsEverywhere) {
  auto made = request();
  made.original =
      "Subject: Gr\xFC\xDF"
      "e = all \r\nX: " +
      std::string(200, 'a') + "\r\n";
  const auto dsn = build_dsn(made);
  expect_well_formed(dsn.text);
  EXPECT_FALSE(dsn.is_8bit);
  for (const char c : dsn.text) ASSERT_LT(static_cast<unsigned char>(c), 0x80);
  EXPECT_TRUE(has(dsn, "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
  EXPECT_TRUE(has(dsn, "Subject: Gr=FC=DFe =3D all=20\r\n"));
  const auto report = parse_report(dsn.text);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->part({"text/rfc822-headers"})->content, made.original + "\r\n");
}

TEST(Dsn, AWholeOriginalOf8BitTextGoesToMailboxesOnly) {
  auto made = request();
  made.is_whole_original = true;
  made.original =
      "Subject: a\r\n\r\nGr\xFC\xDF"
      "e\r\n";
  auto dsn = build_dsn(made);
  EXPECT_FALSE(dsn.is_8bit);
  EXPECT_TRUE(
      has(dsn, "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: a\r\n\r\n--"));
  made.is_for_mailboxes = true;
  dsn = build_dsn(made);
  EXPECT_TRUE(dsn.is_8bit);
  EXPECT_TRUE(has(dsn, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"));
}

TEST(Dsn, AnOriginalOfAnyBytesBecomesLines) {
  auto made = request();
  made.is_whole_original = true;
  made.original = std::string{"Subject: a\nX: b\r\rbody\0end", 25} + std::string(5000, 'y');
  const auto dsn = build_dsn(made);
  expect_well_formed(dsn.text);
  EXPECT_TRUE(has(dsn, "Content-Type: message/rfc822\r\n"));
  EXPECT_TRUE(has(dsn, "Subject: a\r\nX: b\r\n\r\nbodyend"));
}

TEST(Dsn, HeaderSectionEndsBeforeTheEmptyLine) {
  EXPECT_EQ(header_section("A: 1\r\nB: 2\r\n\r\nbody"), "A: 1\r\nB: 2\r\n");
  EXPECT_EQ(header_section("A: 1\n\nbody"), "A: 1\n");
  EXPECT_EQ(header_section("\r\nbody"), "");
  EXPECT_EQ(header_section("A: 1\r\n"), "A: 1\r\n");
}

TEST(Dsn, NotifyDecidesWhoIsTold) {
  const Notify unspecified;
  EXPECT_TRUE(wants_dsn(unspecified, DsnKind::kFailure));
  EXPECT_TRUE(wants_dsn(unspecified, DsnKind::kDelay));
  EXPECT_FALSE(wants_dsn(unspecified, DsnKind::kSuccess));
  Notify never;
  never.is_given = never.never = true;
  EXPECT_FALSE(wants_dsn(never, DsnKind::kFailure));
  Notify success;
  success.is_given = success.success = true;
  EXPECT_TRUE(wants_dsn(success, DsnKind::kSuccess));
  EXPECT_FALSE(wants_dsn(success, DsnKind::kFailure));
  EXPECT_FALSE(wants_dsn(success, DsnKind::kDelay));
}

}  // namespace
}  // namespace bulkhead::mail

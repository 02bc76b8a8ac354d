#include "src/proto/smtp/command.h"

#include <gtest/gtest.h>

#include "src/proto/sasl/exchange.h"
#include "src/proto/smtp/line_reader.h"

namespace bulkhead::smtp {
namespace {

std::string refusal(std::string_view line) {
  const auto command = parse_command(line);
  return command ? "accepted" : std::to_string(command.error().reply.code) + " " + command.error().reply.enhanced;
}

MailArguments mail_of(std::string_view line) {
  return std::get<MailArguments>(parse_command(line)->arguments);
}
RcptArguments rcpt_of(std::string_view line) {
  return std::get<RcptArguments>(parse_command(line)->arguments);
}

TEST(Command, TakesMailWithAllItsParameters) {
  const auto mail =
      mail_of("mail from:<Anna@Example.com> size=1000 body=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>");
  EXPECT_EQ(mail.sender.text(), "Anna@example.com");
  EXPECT_EQ(mail.size, 1000U);
  EXPECT_EQ(mail.sender.body, mail::Body::k8BitMime);
  EXPECT_TRUE(mail.sender.is_smtputf8);
  EXPECT_EQ(mail.sender.ret, mail::Ret::kHeaders);
  EXPECT_EQ(mail.sender.envid, "a+b");
}

TEST(Command, TakesTheNullSender) {
  EXPECT_FALSE(mail_of("MAIL FROM:<>").sender.address);
}

TEST(Command, TakesRcptWithItsParameters) {
  const auto rcpt = rcpt_of("RCPT TO:<\"a > b\"@example.com> NOTIFY=success,DELAY ORCPT=rfc822;x+2By@example.com");
  EXPECT_EQ(rcpt.recipient.address.local, "a > b");
  EXPECT_EQ(rcpt.recipient.orcpt, "rfc822;x+y@example.com");
  EXPECT_TRUE(rcpt.recipient.notify.success && rcpt.recipient.notify.delay && !rcpt.recipient.notify.failure);
  EXPECT_TRUE(rcpt_of("RCPT TO:<a@b.example> NOTIFY=NEVER").recipient.notify.never);
  EXPECT_TRUE(rcpt_of("RCPT TO:<PostMaster>").is_bare_postmaster);
}

TEST(Command, RefusesWithTheRightCode) {
  EXPECT_EQ(refusal(""), "500 5.5.2");
  EXPECT_EQ(refusal("EHLO"), "501 5.5.4");
  EXPECT_EQ(refusal("MAIL FROM:<a@b.example>X=1"), "501 5.5.2");
  EXPECT_EQ(refusal("MAIL FROM:<a@b.example> BODY=BINARYMIME"), "501 5.5.4");
  EXPECT_EQ(refusal("MAIL FROM:<a@b.example> SMTPUTF8=1"), "501 5.5.4");
  EXPECT_EQ(refusal("MAIL FROM:<a@b.example> SIZE="), "501 5.5.4");
  EXPECT_EQ(refusal("MAIL FROM:<a@b.example> X=1"), "555 5.5.4");
  EXPECT_EQ(refusal("RCPT TO:<>"), "501 5.1.3");
  EXPECT_EQ(refusal("RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY"), "501 5.5.4");
  EXPECT_EQ(refusal("RCPT TO:<a@b.example> NOTIFY="), "501 5.5.4");
  EXPECT_EQ(refusal("DATA now"), "501 5.5.4");
}

TEST(Command, LosesFramingOnlyWithBdat) {
  EXPECT_TRUE(parse_command("BDAT x").error().has_lost_framing);
  EXPECT_FALSE(parse_command("MAIL x").error().has_lost_framing);
  const auto bdat = std::get<BdatArguments>(parse_command("bdat 18446744073709551615 last")->arguments);
  EXPECT_EQ(bdat.size, 18446744073709551615ULL);
  EXPECT_TRUE(bdat.is_last);
}

TEST(FindLine, TakesOnlyCrlfForAnEnd) {
  using Kind = FoundLine::Kind;
  using namespace std::string_view_literals;
  EXPECT_EQ(find_line("NOOP\r\nX", 512).line, "NOOP");
  EXPECT_EQ(find_line("NOOP\r\nX", 512).consumed, 6U);
  EXPECT_EQ(find_line("NOOP\r", 512).kind, Kind::kIncomplete);
  EXPECT_EQ(find_line("", 512).kind, Kind::kIncomplete);
  EXPECT_EQ(find_line("NOOP\n", 512).kind, Kind::kBareLf);
  EXPECT_EQ(find_line("NO\rOP\r\n", 512).kind, Kind::kBareCr);
  EXPECT_EQ(find_line("NO\rO", 512).kind, Kind::kBareCr);
  EXPECT_EQ(find_line("N\0\r\n"sv, 512).kind, Kind::kNul);
}

TEST(FindLine, BoundsTheLine) {
  using Kind = FoundLine::Kind;
  EXPECT_EQ(find_line(std::string(509, 'x') + "\r\n", 512).kind, Kind::kLine);
  EXPECT_EQ(find_line(std::string(510, 'x') + "\r\n", 512).kind, Kind::kLine);
  EXPECT_EQ(find_line(std::string(511, 'x') + "\r\n", 512).kind, Kind::kTooLong);
  EXPECT_EQ(find_line(std::string(511, 'x'), 512).kind, Kind::kIncomplete);
  EXPECT_EQ(find_line(std::string(512, 'x'), 512).kind, Kind::kTooLong);
}

TEST(SaslExchange, RefusesOversizedAndHostileCredentials) {
  using Kind = sasl::Step::Kind;
  const auto plain = [](std::string_view encoded) { return sasl::Exchange::begin("PLAIN")->start(encoded); };
  EXPECT_EQ(plain("AGEAYg==").kind, Kind::kCredentials);  // \0a\0b
  EXPECT_EQ(plain("=").kind, Kind::kMalformed);
  EXPECT_EQ(plain("YQ==").kind, Kind::kMalformed);
  EXPECT_EQ(plain("AGEA").kind, Kind::kMalformed);      // no password
  EXPECT_EQ(plain("AABi").kind, Kind::kMalformed);      // no user
  EXPECT_EQ(plain("AGEAYgBj").kind, Kind::kMalformed);  // a NUL in the password
  EXPECT_EQ(plain("AGEKAGI=").kind, Kind::kMalformed);  // a line feed in the user
  EXPECT_EQ(plain("*").kind, Kind::kCancelled);
  EXPECT_FALSE(sasl::Exchange::begin("CRAM-MD5"));
}

}  // namespace
}  // namespace bulkhead::smtp

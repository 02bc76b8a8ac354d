#include "src/proto/smtp/client_extensions.h"

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

Reply ehlo(std::vector<std::string> lines) {
  Reply reply{250, "", "mx.example"};
  for (auto& line : lines) reply.lines.push_back(std::move(line));
  return reply;
}

ClientExtensions everything() {
  return parse_extensions(ehlo({"PIPELINING", "size 5000", "8bitmime", "SMTPUTF8", "CHUNKING", "DSN", "STARTTLS",
                                "LIMITS RCPTMAX=50 MAILMAX=7", "AUTH PLAIN", "X-UNKNOWN a b"}));
}

TEST(ClientExtensions, ReadsKeywordsInAnyCase) {
  const auto offered = everything();
  EXPECT_TRUE(offered.has_pipelining && offered.has_8bitmime && offered.has_smtputf8 && offered.has_chunking);
  EXPECT_TRUE(offered.has_dsn && offered.has_starttls && offered.has_size);
  EXPECT_EQ(offered.size_max, 5000U);
  EXPECT_EQ(offered.rcpt_max, 50U);
  EXPECT_EQ(offered.mail_max, 7U);
}

TEST(ClientExtensions, PassesOverMalformedValuesAndTheFirstLine) {
  Reply reply = ehlo({"SIZE -1", "LIMITS RCPTMAX=x", "PIPELININGS", "SIZE 99999999999999999999999"});
  reply.lines[0] = "CHUNKING";
  const auto offered = parse_extensions(reply);
  EXPECT_EQ(offered.size_max, 0U);
  EXPECT_EQ(offered.rcpt_max, 0U);
  EXPECT_FALSE(offered.has_pipelining || offered.has_chunking);
}

TEST(MailCommand, CarriesOnlyWhatWasOffered) {
  ClientMail mail;
  mail.sender = "a@b.example";
  mail.size = 10;
  mail.is_8bit = mail.needs_smtputf8 = true;
  mail.ret = mail::Ret::kHeaders;
  mail.envid = "id+1 x";
  std::string out;
  append_mail_command(out, mail, everything());
  EXPECT_EQ(out, "MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1+20x\r\n");
  out.clear();
  append_mail_command(out, mail, {});
  EXPECT_EQ(out, "MAIL FROM:<a@b.example>\r\n");
  out.clear();
  append_mail_command(out, {}, everything());
  EXPECT_EQ(out, "MAIL FROM:<>\r\n");
}

TEST(RcptCommand, CarriesNotifyAndOrcptWhenOffered) {
  ClientRecipient recipient{"x@y.example", "rfc822;x=1@y.example", {}};
  recipient.notify.is_given = recipient.notify.success = recipient.notify.delay = true;
  std::string out;
  append_rcpt_command(out, recipient, everything());
  EXPECT_EQ(out, "RCPT TO:<x@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+3D1@y.example\r\n");
  out.clear();
  append_rcpt_command(out, recipient, {});
  EXPECT_EQ(out, "RCPT TO:<x@y.example>\r\n");
}

TEST(RcptCommand, LetsNoAddressSmuggleACommand) {
  for (const char* address :
       {"x@y>\r\nRCPT TO:<z@y", "x y@z", "a>b@c", "<a@c", "a\nb@c", "\"a\r\n\"@c", "\"open@c", "\"a\\"}) {
    std::string out;
    append_rcpt_command(out, {address, "rfc822;a\r\nDATA", {}}, everything());
    EXPECT_EQ(out, "RCPT TO:<?> ORCPT=rfc822;a+0D+0ADATA\r\n") << address;
  }
  std::string out;
  append_rcpt_command(out, {"\"a b>\\\"c\"@d.example", "", {}}, {});
  EXPECT_EQ(out, "RCPT TO:<\"a b>\\\"c\"@d.example>\r\n");
}

}  // namespace
}  // namespace bulkhead::smtp

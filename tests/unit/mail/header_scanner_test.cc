#include "src/mail/header_scanner.h"

#include <gtest/gtest.h>

namespace bulkhead::mail {
namespace {

constexpr std::string_view kMessage =
    "Received: from a\r\n\tby b; date\r\nRECEIVED: from c\r\nFrom: Anna <anna@example.com>\r\n"
    "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?b?IGF1cyBL?= folded\r\nMessage-Id: <1@example.com>\r\n"
    "Subject: second\r\n\r\nReceived: body\r\nDate: body\r\n";

TEST(HeaderScanner, FindsWhatTheTraceShows) {
  HeaderScanner scanner;
  EXPECT_EQ(scanner.feed(kMessage), kMessage.find("\r\n\r\n") + 2);
  EXPECT_TRUE(scanner.is_complete());
  const auto found = scanner.findings();
  EXPECT_EQ(found.received_count, 2U);
  EXPECT_EQ(found.subject, "Grüße aus K folded");
  EXPECT_EQ(found.message_id, "<1@example.com>");
  EXPECT_TRUE(found.has_from);
  EXPECT_FALSE(found.has_date);
}

TEST(HeaderScanner, FindsTheSameWhereverTheInputIsSplit) {
  HeaderScanner whole;
  whole.feed(kMessage);
  const auto expected = whole.findings();
  for (std::size_t i = 0; i <= kMessage.size(); ++i) {
    HeaderScanner scanner;
    scanner.feed(kMessage.substr(0, i));
    scanner.feed(kMessage.substr(i));
    const auto found = scanner.findings();
    EXPECT_TRUE(scanner.is_complete()) << i;
    EXPECT_EQ(found.subject, expected.subject) << i;
    EXPECT_EQ(found.message_id, expected.message_id) << i;
    EXPECT_EQ(found.received_count, expected.received_count) << i;
  }
}

TEST(HeaderScanner, TakesAnEmptyHeaderSection) {
  HeaderScanner scanner;
  EXPECT_EQ(scanner.feed("\r\nSubject: body\r\n"), 0U);
  EXPECT_EQ(scanner.findings().subject, "");
}

TEST(HeaderScanner, KeepsLittleOfEndlessFields) {
  HeaderScanner scanner;
  scanner.feed("Subject: ");
  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(scanner.feed(much));
  scanner.feed("\r\n" + much);
  EXPECT_EQ(scanner.findings().subject, std::string(200, 'x'));
  EXPECT_FALSE(scanner.is_complete());
}

TEST(HeaderScanner, SkipsLinesThatAreNoFields) {
  HeaderScanner scanner;
  scanner.feed(" continuation of nothing\r\nno field\r\nSubject : spaced\r\nX\rSubject: no\r\n\r\n");
  EXPECT_TRUE(scanner.is_complete());
  EXPECT_EQ(scanner.findings().subject, "spaced");
}

TEST(HeaderScanner, ShowsNoControlCharacters) {
  HeaderScanner scanner;
  scanner.feed(
      "Subject: a\x01"
      "b\x1b[2J =?utf-8?q?x=0D=0Ay?= \xff\r\nMessage-ID: <\x02>\r\n\r\n");
  EXPECT_EQ(scanner.findings().subject, "a b [2J x  y \xEF\xBF\xBD");
  EXPECT_EQ(scanner.findings().message_id, "< >");
}

}  // namespace
}  // namespace bulkhead::mail

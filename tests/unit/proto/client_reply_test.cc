#include "src/proto/smtp/client_reply.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

struct Readings {
  std::vector<Reply> replies;
  bool has_failed = false;
};

Readings read_in_pieces(std::string_view bytes, std::size_t piece) {
  ReplyReader reader;
  Readings readings;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty()) {
      auto reply = reader.read(part);
      if (!reply) {
        EXPECT_EQ(reply.error().code, ErrorCode::kProtocol);
        readings.has_failed = true;
        return readings;
      }
      if (*reply) readings.replies.push_back(std::move(**reply));
    }
  }
  return readings;
}

Readings read_all(std::string_view bytes) {
  return read_in_pieces(bytes, bytes.size());
}

TEST(ReplyReader, ReadsRepliesSplitAtEveryByte) {
  const std::string bytes =
      "220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 1000\r\n250 DSN\r\n550-5.1.1 No such\r\n550 5.1.1 "
      "user\r\n250\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto readings = read_in_pieces(bytes, piece);
    ASSERT_EQ(readings.replies.size(), 4U) << "pieces of " << piece;
    EXPECT_EQ(readings.replies[0].lines, std::vector<std::string>{"mx.example ESMTP"});
    EXPECT_EQ(readings.replies[1].lines, (std::vector<std::string>{"mx.example", "SIZE 1000", "DSN"}));
    EXPECT_EQ(readings.replies[2].enhanced, "5.1.1");
    EXPECT_EQ(readings.replies[2].lines, (std::vector<std::string>{"No such", "user"}));
    EXPECT_EQ(readings.replies[3].code, 250);
  }
}

TEST(ReplyReader, TakesBareLineFeedsAsLineEnds) {
  const auto readings = read_all("250-a\n250 b\n");
  ASSERT_EQ(readings.replies.size(), 1U);
  EXPECT_EQ(readings.replies[0].lines, (std::vector<std::string>{"a", "b"}));
}

TEST(ReplyReader, RefusesAReplyWithDifferentCodes) {
  EXPECT_TRUE(read_all("250-fine so far\r\n554 but no\r\n").has_failed);
  EXPECT_TRUE(read_all("250-one\r\n250-two\r\n251 three\r\n").has_failed);
  EXPECT_EQ(read_all("250 one\r\n554 another\r\n").replies.size(), 2U);
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
  for (const char* bytes : {"\r\n", "2\r\n", "25\r\n", "HTTP/1.1 200 OK\r\n", "199 low\r\n", "600 high\r\n",
                            "25x no\r\n", "2500 four digits\r\n", "250\tTab\r\n", " 250 space\r\n", "-250 x\r\n"}) {
    EXPECT_TRUE(read_all(bytes).has_failed) << bytes;
  }
  EXPECT_TRUE(read_all(std::string_view{"\0\0\0\n", 4}).has_failed);
}

TEST(ReplyReader, BoundsTheLengthOfALine) {
  const auto reply_of = [](std::size_t octets) { return "250 " + std::string(octets - 4, 'x') + "\n"; };
  const auto longest = read_all(reply_of(ReplyReader::kLineOctetsMax));
  ASSERT_EQ(longest.replies.size(), 1U);
  EXPECT_EQ(longest.replies[0].lines[0].size(), ReplyReader::kLineKept);
  EXPECT_TRUE(read_all(reply_of(ReplyReader::kLineOctetsMax + 1)).has_failed);
  EXPECT_TRUE(read_in_pieces(reply_of(ReplyReader::kLineOctetsMax + 1), 7).has_failed);
}

TEST(ReplyReader, GivesUpOnALineThatNeverEnds) {
  ReplyReader reader;
  const std::string garbage(ReplyReader::kLineOctetsMax, '2');
  std::string_view bytes = garbage;
  ASSERT_TRUE(reader.read(bytes));
  std::string_view more = "2";
  EXPECT_FALSE(reader.read(more));
}

TEST(ReplyReader, BoundsTheNumberOfLines) {
  const auto reply_of = [](std::size_t lines) {
    std::string bytes;
    for (std::size_t i = 1; i < lines; ++i) bytes += "250-x\r\n";
    return bytes + "250 x\r\n";
  };
  EXPECT_EQ(read_all(reply_of(ReplyReader::kLinesMax - 1)).replies.size(), 1U);
  EXPECT_EQ(read_all(reply_of(ReplyReader::kLinesMax)).replies.size(), 1U);
  EXPECT_TRUE(read_all(reply_of(ReplyReader::kLinesMax + 1)).has_failed);
}

TEST(ReplyReader, BoundsTheWholeReplyAndWhatIsKeptOfIt) {
  const std::string line = "250-" + std::string(1000, 'x') + "\n";
  std::string bytes;
  while (bytes.size() + line.size() + 6 <= ReplyReader::kOctetsMax) bytes += line;
  const auto readings = read_all(bytes + "250 x\n");
  ASSERT_EQ(readings.replies.size(), 1U);
  std::size_t kept = 0;
  for (const auto& text : readings.replies[0].lines) kept += text.size();
  EXPECT_LE(kept, ReplyReader::kTextKept);
  EXPECT_TRUE(read_all(bytes + line + "250 x\n").has_failed);
}

TEST(EnhancedCode, IsReadOnlyWhenWellFormedAndOfTheCodesClass) {
  EXPECT_EQ(enhanced_code_of(550, "5.7.26 mail"), "5.7.26");
  EXPECT_EQ(enhanced_code_of(250, "2.0.0"), "2.0.0");
  EXPECT_EQ(enhanced_code_of(451, "4.7.650 limited"), "4.7.650");
  for (const char* text :
       {"4.7.1 wrong class", "5.7", "5..1 x", "5.1234.1 x", "5.1.1x", "5.1.1234 x", "", "5", "5.1."}) {
    EXPECT_EQ(enhanced_code_of(550, text), "") << text;
  }
  EXPECT_EQ(enhanced_code_of(354, "3.0.0 go on"), "");
}

}  // namespace
}  // namespace bulkhead::smtp

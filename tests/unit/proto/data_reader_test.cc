#include "src/proto/smtp/data_reader.h"

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

struct Outcome {
  std::string content;
  std::size_t consumed = 0;
  bool is_complete = false;
  DataFault fault = DataFault::kNone;
};

Outcome read(std::string_view input, std::size_t split = 0, DataLimits limits = {},
             DataReader::Framing framing = DataReader::Framing::kDot) {
  DataReader reader{framing, limits};
  Outcome outcome;
  for (const auto part : {input.substr(0, split), input.substr(split)}) {
    if (outcome.is_complete) break;
    std::vector<std::string_view> pieces;
    const auto progress = reader.feed(part, pieces);
    for (const auto piece : pieces) outcome.content += piece;
    outcome.consumed += progress.consumed;
    outcome.is_complete = progress.is_complete;
  }
  reader.finish();
  outcome.fault = reader.fault();
  return outcome;
}

TEST(DataReader, UnstuffsDotsWhereverTheInputIsSplit) {
  constexpr std::string_view kInput = "a\r\n..b\r\n.c\r\n\r\n...\r\nd.\r\n.\r\nRSET\r\n";
  for (std::size_t split = 0; split <= kInput.size(); ++split) {
    const auto outcome = read(kInput, split);
    EXPECT_TRUE(outcome.is_complete) << split;
    EXPECT_EQ(outcome.content, "a\r\n.b\r\nc\r\n\r\n..\r\nd.\r\n") << split;
    EXPECT_EQ(outcome.consumed, kInput.size() - 6) << split;
    EXPECT_EQ(outcome.fault, DataFault::kNone) << split;
  }
}

TEST(DataReader, TakesAnEmptyMessage) {
  const auto outcome = read(".\r\n");
  EXPECT_TRUE(outcome.is_complete);
  EXPECT_EQ(outcome.content, "");
}

TEST(DataReader, EndsOnlyAtCrlfDotCrlf) {
  for (const char* end :
       {"\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\r.\r\n", "\r\r\n.\r\r\n", "\r\n.\r\r\n"}) {
    const auto outcome = read(std::string{"a"} + end + "b");
    EXPECT_FALSE(outcome.is_complete);
    EXPECT_EQ(outcome.fault, DataFault::kBareLineEnd);
  }
  EXPECT_FALSE(read("a\r\n. \r\nb").is_complete);
}

TEST(DataReader, BoundsSizeAndLines) {
  EXPECT_EQ(read("abc\r\n.\r\n", 0, {.size_max = 4}).fault, DataFault::kTooBig);
  EXPECT_EQ(read("abc\r\n.\r\n", 0, {.size_max = 5}).fault, DataFault::kNone);
  EXPECT_EQ(read("abc\r\n.\r\n", 0, {.size_max = 6}).fault, DataFault::kNone);
  EXPECT_EQ(read("abc\r\n.\r\n", 0, {.size_max = 100, .line_size_max = 3}).fault, DataFault::kLineTooLong);
  EXPECT_EQ(read("abc\r\n.\r\n", 0, {.size_max = 100, .line_size_max = 4}).fault, DataFault::kNone);
  EXPECT_TRUE(read("abc\r\n.\r\n", 0, {.size_max = 4}).is_complete);
}

TEST(DataReader, LeavesDotsOfChunksAlone) {
  const auto outcome = read("..a\r\n.\r\n", 0, {}, DataReader::Framing::kChunks);
  EXPECT_EQ(outcome.content, "..a\r\n.\r\n");
  EXPECT_FALSE(outcome.is_complete);
  EXPECT_EQ(outcome.fault, DataFault::kNone);
}

TEST(DataReader, RefusesChunksThatEndInsideALineEnd) {
  EXPECT_EQ(read("a\r", 0, {}, DataReader::Framing::kChunks).fault, DataFault::kBareLineEnd);
  EXPECT_EQ(read("a\n", 0, {}, DataReader::Framing::kChunks).fault, DataFault::kBareLineEnd);
  EXPECT_EQ(read("a\r\n", 2, {}, DataReader::Framing::kChunks).fault, DataFault::kNone);
}

}  // namespace
}  // namespace bulkhead::smtp

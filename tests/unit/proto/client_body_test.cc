#include "src/proto/smtp/client_body.h"

#include <string>

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

std::string encoded(std::string_view body, BodyFraming framing, std::size_t piece) {
  BodyEncoder encoder{framing};
  std::string out;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) encoder.encode(body.substr(0, piece), out);
  encoder.finish(out);
  return out;
}

struct Case {
  std::string body, with_dots, as_chunk;
};

const Case kCases[] = {
    {"", "", ""},
    {"a\r\n", "a\r\n", "a\r\n"},
    {"a", "a\r\n", "a\r\n"},
    {".\r\n", "..\r\n", ".\r\n"},
    {"a\r\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n", "a\r\n.\r\nMAIL FROM:<x>\r\n"},
    {"a\n.\nb\r\n", "a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n"},
    {"a\r.\rb", "a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n"},
    {"a\r\r\n.\n", "a\r\n\r\n..\r\n", "a\r\n\r\n.\r\n"},
    {"a\n\r.\r\n", "a\r\n\r\n..\r\n", "a\r\n\r\n.\r\n"},
    {"a.b\r\n..c\r\n", "a.b\r\n...c\r\n", "a.b\r\n..c\r\n"},
    {"end\r", "end\r\n", "end\r\n"},
};

TEST(BodyEncoder, EndsEveryLineByCrlfAndStuffsDotsHoweverTheBodyIsSplit) {
  for (const auto& c : kCases) {
    for (std::size_t piece = 1; piece <= c.body.size() + 1; ++piece) {
      EXPECT_EQ(encoded(c.body, BodyFraming::kDots, piece), c.with_dots) << c.body;
      EXPECT_EQ(encoded(c.body, BodyFraming::kChunk, piece), c.as_chunk) << c.body;
    }
  }
}

TEST(BodyEncoder, FindsTheEndOfALineOfAnyLength) {
  for (std::size_t length = 0; length <= 40; ++length) {
    const std::string line(length, 'x');
    for (const char* end : {"\r", "\n", "\r\n"}) {
      const auto body = line + end + "." + line + end;
      EXPECT_EQ(encoded(body, BodyFraming::kDots, body.size()), line + "\r\n.." + line + "\r\n") << length;
    }
  }
}

TEST(WireReady, MeansThatTheEncoderWouldChangeNothing) {
  for (const auto& c : kCases) {
    if (c.body.empty()) continue;
    EXPECT_EQ(is_wire_ready(c.body, BodyFraming::kDots), c.body == c.with_dots) << c.body;
    EXPECT_EQ(is_wire_ready(c.body, BodyFraming::kChunk), c.body == c.as_chunk) << c.body;
  }
  EXPECT_FALSE(is_wire_ready("", BodyFraming::kDots));
  EXPECT_FALSE(is_wire_ready("a\n\r\r\n", BodyFraming::kChunk));
}

}  // namespace
}  // namespace bulkhead::smtp

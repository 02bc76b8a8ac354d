#include "src/mail/xtext.h"

#include <gtest/gtest.h>

namespace bulkhead::mail {
namespace {

TEST(Xtext, SurvivesTheWayThere) {
  for (const char* text : {"", "rfc822;anna@example.com", "a+b=c d", "100% ~"}) {
    const auto decoded = decode_xtext(encode_xtext(text));
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(*decoded, text);
  }
  EXPECT_EQ(encode_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
}

TEST(Xtext, RefusesWhatIsMalformed) {
  for (const char* text : {"+", "+2", "a+", "+GG", "a=b", "a b", "+2X", "\xc3\xa4", "\x7f"}) {
    EXPECT_FALSE(decode_xtext(text)) << text;
  }
}

TEST(Xtext, RefusesSmuggledControls) {
  for (const char* text : {"+0D+0A", "a+0AX:+20y", "+00", "+1F", "+7F", "+80", "+FF"}) {
    EXPECT_FALSE(decode_xtext(text)) << text;
  }
  EXPECT_EQ(decode_xtext("+20+7E").value_or(""), " ~");
}

}  // namespace
}  // namespace bulkhead::mail

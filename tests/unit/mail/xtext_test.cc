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

TEST(Utf8Address, SurvivesTheWayThereInAscii) {
  const std::string address = "j\xC3\xB6rg+x=y\\@b\xC3\xBC.example \xF0\x9F\x93\xA7";
  const auto encoded = encode_utf8_address(address);
  EXPECT_EQ(encoded, "j\\x{F6}rg\\x{2B}x\\x{3D}y\\x{5C}@b\\x{FC}.example\\x{20}\\x{1F4E7}");
  EXPECT_EQ(decode_utf8_address(encoded).value_or(""), address);
}

TEST(Utf8Address, IsReadAsItIsAndAsXtextToo) {
  EXPECT_EQ(decode_utf8_address("j\xC3\xB6rg@x.example").value_or(""), "j\xC3\xB6rg@x.example");
  EXPECT_EQ(decode_utf8_address("a+2Bb@x.example").value_or(""), "a+b@x.example");
}

TEST(Utf8Address, RefusesControlsAndWhatIsMalformed) {
  for (const char* text : {"a\\x{D}\\x{A}b", "\\x{}", "\\x{110000}", "\\x{D800}", "\\x{0000041}", "\\x{4", "\\y",
                           "\xC3", "\\x{80}", "+0D+0A", "\xC3\xB6+41"}) {
    EXPECT_FALSE(decode_utf8_address(text)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::mail

#include "src/mail/encoded_word.h"

#include <gtest/gtest.h>

#include "src/mail/base64.h"

namespace bulkhead::mail {
namespace {

std::string decoded(std::string_view text) {
  return decode_encoded_words(text, 200);
}

TEST(EncodedWord, DecodesKnownCharsets) {
  EXPECT_EQ(decoded("plain text"), "plain text");
  EXPECT_EQ(decoded("=?iso-8859-1?Q?caf=E9_au_lait?="), "café au lait");
  EXPECT_EQ(decoded("=?UTF-8*de?B?w6Q=?="), "ä");
  EXPECT_EQ(decoded("a =?utf-8?q?b?= =?utf-8?q?c?= d"), "a bc d");
}

TEST(EncodedWord, JoinsCharactersSplitBetweenWords) {
  EXPECT_EQ(decoded("=?utf-8?q?=C3?= =?utf-8?q?=A4?="), "ä");
}

TEST(EncodedWord, LeavesTheRestAsItIs) {
  for (const char* text : {"=?", "=?utf-8", "=?utf-8?", "=?utf-8?q", "=?utf-8?q?", "=?utf-8?q?=?=x",
                           "=?utf-8?b?***?=", "=?koi8-r?q?a?=", "=?utf-8?x?a?="}) {
    EXPECT_EQ(decoded(text), text);
  }
}

TEST(EncodedWord, IsBounded) {
  EXPECT_EQ(decoded(std::string(199, 'a') + "ä"), std::string(199, 'a'));
  EXPECT_EQ(decoded(std::string(198, 'a') + "ä"), std::string(198, 'a') + "ä");
}

TEST(Base64, SurvivesTheWayThere) {
  for (const std::string text : {"", "a", "ab", "abc", "abcd"}) EXPECT_EQ(decode_base64(encode_base64(text)), text);
  EXPECT_EQ(encode_base64(std::string{"\0a\0b", 4}), "AGEAYg==");
}

TEST(Base64, IsStrict) {
  for (const char* text : {"a", "ab", "abc", "ab=c", "====", "a===", "ab c", "abc\n", "YQ==YQ=="}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::mail

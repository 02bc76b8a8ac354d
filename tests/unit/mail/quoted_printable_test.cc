#include "src/mail/quoted_printable.h"

#include <gtest/gtest.h>

namespace bulkhead::mail {
namespace {

TEST(QuotedPrintable, EscapesWhatIsNotPrintableAndTheEqualsSign) {
  EXPECT_EQ(encode_quoted_printable("a=b \xC3\xBC\x7F\r\n"), "a=3Db =C3=BC=7F\r\n");
  EXPECT_EQ(encode_quoted_printable("end \r\n\t"), "end=20\r\n=09");
  EXPECT_EQ(encode_quoted_printable("bare\rand\n"), "bare=0Dand=0A");
  EXPECT_EQ(encode_quoted_printable(""), "");
}

TEST(QuotedPrintable, BreaksLinesAt76Characters) {
  const std::string most(76, 'x');
  EXPECT_EQ(encode_quoted_printable(most), most);
  EXPECT_EQ(encode_quoted_printable(most + "\r\n"), most + "\r\n");
  EXPECT_EQ(encode_quoted_printable(most + "x"), std::string(75, 'x') + "=\r\nxx");
  EXPECT_EQ(encode_quoted_printable(std::string(74, 'x') + "\xFC"), std::string(74, 'x') + "=\r\n=FC");
  EXPECT_EQ(encode_quoted_printable(std::string(73, 'x') + "\xFC"), std::string(73, 'x') + "=FC");
}

}  // namespace
}  // namespace bulkhead::mail

// How the command line writes tables and fields, and reads sizes.
#include <gtest/gtest.h>

#include "src/admin/cli/command.h"
#include "src/admin/cli/output.h"

namespace bulkhead::admin::cli {
namespace {

TEST(Table, AlignsNumbersToTheRightAndCountsCharacters) {
  const std::vector<Json> rows{{{"a", "ü"}, {"n", 5}}, {{"a", "long"}, {"n", 1234}}};
  EXPECT_EQ(format_table({{"A", "a"}, {"N", "n"}}, rows, Colours::kNone), "A        N\nü        5\nlong  1234\n");
  EXPECT_TRUE(format_table({{"A", "a"}}, rows, Colours::kAnsi).starts_with("\x1b[1mA\x1b[0m\n"));
}

TEST(Fields, IndentWhatIsNested) {
  const Json json{{"node", "mx1"}, {"queue", {{"ready", 1}}}, {"sources", {{{"ip", "a"}}, {{"ip", "b"}}}}};
  EXPECT_EQ(format_fields(json, Colours::kNone), "node:    mx1\nqueue:\n  ready: 1\nsources:\n  ip: a\n\n  ip: b\n");
}

TEST(Size, IsReadWithItsUnit) {
  EXPECT_EQ(parse_size("512").value(), 512U);
  EXPECT_EQ(parse_size("2k").value(), 2048U);
  EXPECT_EQ(parse_size("16777215T").value(), 16777215ULL << 40);
  EXPECT_FALSE(parse_size("16777216T"));
  for (const char* text : {"", "G", "-1", "1.5G", "1X", "0x10"}) EXPECT_FALSE(parse_size(text)) << text;
}

}  // namespace
}  // namespace bulkhead::admin::cli

#include "src/app/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/app/toml_text.h"

namespace bulkhead::app {
namespace {

using ::testing::HasSubstr;

// "LINE: MESSAGE" of the first, or "" when the text is taken.
std::string fault_of(std::string_view text) {
  const auto faults = parse_toml(text).faults;
  return faults.empty() ? "" : std::to_string(faults[0].line) + ": " + faults[0].message;
}

TomlValue value_of(const std::string& text) {
  const auto entries = parse_toml("k = " + text).entries;
  if (entries.size() != 1) {
    ADD_FAILURE() << text << ": " << fault_of("k = " + text);
    return {};
  }
  return entries.front().value;
}

TEST(Toml, NamesEachEntryWithItsSectionAndLine) {
  const auto entries = parse_toml("\xEF\xBB\xBFtop = 1\r\n\r\n[ a . b ] # words\r\n\tx.y=true\r\n[c]\n").entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].key, "top");
  EXPECT_EQ(entries[1].key, "a.b.x.y");
  EXPECT_EQ(entries[1].value.line, 4U);
}

TEST(Toml, ReadsStringsOfBothQuotes) {
  EXPECT_EQ(*value_of(R"("a\tb\\\"\u00e9\U0001F600 # not a comment")").string(),
            "a\tb\\\"\xc3\xa9\xf0\x9f\x98\x80 # not a comment");
  EXPECT_EQ(*value_of(R"('C:\new "x"')").string(), R"(C:\new "x")");
  EXPECT_EQ(*value_of("''").string(), "");
}

TEST(Toml, ReadsIntegersToTheLastBit) {
  EXPECT_EQ(*value_of("9223372036854775807").integer(), INT64_MAX);
  EXPECT_EQ(*value_of("-9223372036854775808").integer(), INT64_MIN);
  EXPECT_EQ(*value_of("+1_000").integer(), 1000);
  for (const char* text :
       {"9223372036854775808", "", "-", "+", "+-1", "01", "-01", "1__0", "_1", "1_", "0x10", "1.5"}) {
    EXPECT_FALSE(toml_integer(text)) << text;
  }
}

TEST(Toml, ReadsListsOverLines) {
  const auto list = value_of("[ # first\n \"a\", # one\n\n 2,\n]\n");
  ASSERT_NE(list.array(), nullptr);
  EXPECT_EQ(list.line, 1U);
  ASSERT_EQ(list.array()->size(), 2U);
  EXPECT_EQ((*list.array())[1].line, 4U);
  EXPECT_TRUE(value_of("[]").array()->empty());
}

TEST(Toml, RefusesWithTheLineWhatIsNotToml) {
  EXPECT_THAT(fault_of("a = 1\n[b\n"), HasSubstr("2: a section's name ends with ]"));
  EXPECT_THAT(fault_of("[a.]"), HasSubstr("1: expected `key = value` or `[section]`"));
  EXPECT_THAT(fault_of("\n= 1"), HasSubstr("2: expected `key"));
  EXPECT_THAT(fault_of("a"), HasSubstr("1: expected `key"));
  EXPECT_THAT(fault_of("a = 1 b = 2"), HasSubstr("nothing may follow"));
  EXPECT_THAT(fault_of("a ="), HasSubstr("expected a string in quotes"));
  EXPECT_THAT(fault_of("a = \"x\nb = 1"), HasSubstr("1: the string does not end"));
  EXPECT_THAT(fault_of("a = \"x"), HasSubstr("1: the string does not end"));
  EXPECT_THAT(fault_of("a = \"\\"), HasSubstr("backslash"));
  EXPECT_THAT(fault_of("a = [\n1\n2]"), HasSubstr("3: the list that begins in line 1"));
  EXPECT_THAT(fault_of("a = [\n1,"), HasSubstr("the list that begins in line 1"));
}

TEST(Toml, RefusesByNameWhatNoKeyTakes) {
  EXPECT_THAT(fault_of("a = \"\"\"x\"\"\""), HasSubstr("on one line"));
  EXPECT_THAT(fault_of("a = '''x'''"), HasSubstr("on one line"));
  EXPECT_THAT(fault_of("a = {b = 1}"), HasSubstr("a [section] of its own"));
  EXPECT_THAT(fault_of("a = [[1]]"), HasSubstr("a list in a list"));
  EXPECT_THAT(fault_of("[[a]]"), HasSubstr("no section is a list"));
  EXPECT_THAT(fault_of("\"a\" = 1"), HasSubstr("no quotes"));
  EXPECT_THAT(fault_of("a = 2026-01-01T00:00:00Z"), HasSubstr("expected a string"));
}

TEST(Toml, RefusesASecondValueAndASecondSection) {
  EXPECT_EQ(fault_of("[a]\nb = 1\nb = [\n]"), "3: a.b has a value in line 2 already");
  EXPECT_EQ(fault_of("[a]\n[b]\n[a]"), "3: the section [a] has begun in line 1 already");
}

TEST(Toml, GoesOnAfterAFaultToFindTheOthers) {
  const auto read = parse_toml("a = 1\na = 2\nb = x\nc = 3\n[d\ne = 4\n= 5\n[f]\ng = 6\nh = \"i\n");
  std::vector<std::uint32_t> lines;
  for (const auto& fault : read.faults) lines.push_back(fault.line);
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{2, 3, 5, 7, 10}));
  std::vector<std::string> keys;
  for (const auto& entry : read.entries) keys.push_back(entry.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "c", "f.g"})) << "nobody knows whose e is";
}

TEST(Toml, NamesNoMoreThanSoManyFaults) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "x\n";
  EXPECT_EQ(parse_toml(text).faults.size(), TomlReading::kFaultsMax);
  EXPECT_EQ(parse_toml("a = [\nx\ny\nz\n]\nb = 1\n").faults.size(), 1U) << "a list that broke off hides the rest";
  EXPECT_EQ(parse_toml("a = [x,\n1,\n2,\n]\nb = 1\n").faults.size(), 1U) << "in its first line, too";
  EXPECT_EQ(parse_toml("a = [x, 1]\nb = y\n").faults.size(), 2U) << "one that ends in its line hides nothing";
}

TEST(Toml, RefusesTextThatIsNoText) {
  EXPECT_THAT(fault_of(std::string_view{"a = 1\n\0", 7}), HasSubstr("2: not UTF-8"));
  for (const char* text : {"#\x01", "#\x7f", "#\r#", "#\r", "#\xff", "#\xc3", "#\xed\xa0\x80", "#\xf4\x90\x80\x80"}) {
    EXPECT_THAT(fault_of(text), HasSubstr("1: not UTF-8")) << text;
  }
  EXPECT_THAT(fault_of("a = \"\\ud800\""), HasSubstr("backslash"));
  EXPECT_THAT(fault_of("a = \"\\U00110000\""), HasSubstr("backslash"));
}

TEST(Toml, BoundsAKeysParts) {
  EXPECT_EQ(fault_of("a.b.c.d.e.f.g.h = 1"), "");
  EXPECT_THAT(fault_of("a.b.c.d.e.f.g.h.i = 1"), HasSubstr("at most 8 parts"));
}

}  // namespace
}  // namespace bulkhead::app

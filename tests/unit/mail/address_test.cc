#include "src/mail/address.h"

#include <gtest/gtest.h>

namespace bulkhead::mail {
namespace {

std::string canonical(std::string_view text) {
  return canonical_domain(text).value_or("refused");
}

TEST(CanonicalDomain, LowersAndDropsTheTrailingDot) {
  EXPECT_EQ(canonical("Example.COM"), "example.com");
  EXPECT_EQ(canonical("example.com."), "example.com");
  EXPECT_EQ(canonical("my_host.example"), "my_host.example");
}

TEST(CanonicalDomain, ConvertsUnicodeToALabels) {
  EXPECT_EQ(canonical("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(canonical("BÜCHER.example"), "xn--bcher-kva.example");
  EXPECT_EQ(canonical("straße.example"), "xn--strae-oqa.example");
  EXPECT_EQ(canonical("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
}

TEST(CanonicalDomain, WritesLiteralsInOneForm) {
  EXPECT_EQ(canonical("[192.0.2.1]"), "[192.0.2.1]");
  EXPECT_EQ(canonical("[ipv6:2001:DB8:0::1]"), "[IPv6:2001:db8::1]");
  EXPECT_EQ(canonical("[IPv6:::ffff:192.0.2.1]"), "[192.0.2.1]");
}

TEST(CanonicalDomain, RefusesWhatIsNoDomain) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          "."sv,
                          ".example"sv,
                          "a..b"sv,
                          "-a.example"sv,
                          "a-.example"sv,
                          "a b.example"sv,
                          "a@b.example"sv,
                          "example.com.."sv,
                          "192.0.2.1"sv,
                          "example.1"sv,
                          "a.example\0"sv,
                          "a\n.example"sv,
                          "[192.0.2.1"sv,
                          "[]"sv,
                          "[192.0.2.256]"sv,
                          "[2001:db8::1]"sv,
                          "[IPv6:192.0.2.1]"sv,
                          "[192.0.2.1\0]"sv,
                          "[IPv6:zz]"sv,
                          "xn--\xff.example"sv,
                          "\xc3.example"sv,
                          "xn--a-ecp.example.xn--"sv,
                          "*.example"sv,
                          "a,b"sv,
                          "a/b"sv}) {
    EXPECT_EQ(canonical(text), "refused") << text;
  }
}

TEST(CanonicalDomain, BoundsLabelsAndNames) {
  EXPECT_NE(canonical(std::string(63, 'a') + ".example"), "refused");
  EXPECT_EQ(canonical(std::string(64, 'a') + ".example"), "refused");
  std::string name;
  for (int i = 0; i < 127; ++i) name += "a.";
  EXPECT_EQ(canonical(name + "b").size(), 255U);
  EXPECT_EQ(canonical(name + "bc"), "refused");
  EXPECT_EQ(canonical(std::string(100000, 'a')), "refused");
}

std::string round_trip(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : "refused";
}

TEST(Address, KeepsTheLocalPartAndCanonicalisesTheDomain) {
  EXPECT_EQ(round_trip("Anna.B+tag@Example.COM"), "Anna.B+tag@example.com");
  EXPECT_EQ(round_trip("a@[192.0.2.1]"), "a@[192.0.2.1]");
  EXPECT_EQ(Address::parse("a@[IPv6:2001:db8::1]")->literal(), IpAddress::parse("2001:db8::1"));
  EXPECT_FALSE(Address::parse("a@example.com")->literal());
}

TEST(Address, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(round_trip("\"anna\"@example.com"), "anna@example.com");
  EXPECT_EQ(round_trip("\"a b\"@example.com"), "\"a b\"@example.com");
  EXPECT_EQ(round_trip("\"a@b\"@example.com"), "\"a@b\"@example.com");
  EXPECT_EQ(round_trip("\"a\\\"\\\\b\"@example.com"), "\"a\\\"\\\\b\"@example.com");
  EXPECT_EQ(round_trip("\".a.\"@example.com"), "\".a.\"@example.com");
}

TEST(Address, TreatsHistoricRoutingAsPlainCharacters) {
  EXPECT_EQ(Address::parse("user%elsewhere.example@local.example")->domain, "local.example");
  EXPECT_EQ(Address::parse("elsewhere.example!user@local.example")->domain, "local.example");
}

TEST(Address, TakesUtf8LocalParts) {
  const auto address = Address::parse("jürgen@bücher.example");
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->needs_smtputf8());
  EXPECT_EQ(address->text(), "jürgen@xn--bcher-kva.example");
  EXPECT_FALSE(Address::parse("j@bücher.example")->needs_smtputf8());
}

TEST(Address, RefusesHostileForms) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          "@"sv,
                          "a"sv,
                          "a@"sv,
                          "@example.com"sv,
                          "@relay.example:user@example.com"sv,
                          "@a.example,@b.example:user@example.com"sv,
                          "a@b@example.com"sv,
                          "a@b.example@"sv,
                          "a..b@example.com"sv,
                          ".a@example.com"sv,
                          "a.@example.com"sv,
                          "a b@example.com"sv,
                          "a\r\nRCPT@example.com"sv,
                          "a\0b@example.com"sv,
                          "\"a\r\n\"@example.com"sv,
                          "\"a\0\"@example.com"sv,
                          "\"a@example.com"sv,
                          "\"a\\"sv,
                          "\"\"@example.com"sv,
                          "\"a\"b@example.com"sv,
                          "\"a\"@"sv,
                          "a\xff@example.com"sv,
                          "a\xc0\xaf@example.com"sv,
                          "<a@example.com>"sv,
                          "a(comment)@example.com"sv,
                          "a@example.com "sv,
                          "a,b@example.com"sv,
                          "a;b@example.com"sv,
                          "a\xc2\x85@x.example"sv}) {
    EXPECT_EQ(round_trip(text), "refused") << text;
  }
}

TEST(Address, BoundsTheLocalPart) {
  EXPECT_TRUE(Address::parse(std::string(63, 'a') + "@example.com"));
  EXPECT_TRUE(Address::parse(std::string(64, 'a') + "@example.com"));
  EXPECT_FALSE(Address::parse(std::string(65, 'a') + "@example.com"));
  EXPECT_FALSE(Address::parse(std::string(1000000, 'a') + "@example.com"));
}

}  // namespace
}  // namespace bulkhead::mail

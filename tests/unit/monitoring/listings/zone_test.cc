#include "monitoring/listings/zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::listings {
namespace {

using ::testing::HasSubstr;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}
std::string fault_of(std::string_view text) {
  const auto zone = parse_zone(text);
  return zone ? "" : zone.error().message;
}

TEST(Zone, TakesItsSettingsInAnyOrder) {
  const auto zone =
      parse_zone("Zen.Example.org  weight=3 listed=127.0.0.2-127.0.0.4,127.0.0.10 families=both rate=0.5");
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(zone->name, "zen.example.org");
  EXPECT_EQ(zone->suffix, "zen.example.org");
  EXPECT_EQ(zone->kind, SubjectKind::kAddress);
  EXPECT_TRUE(zone->has_ipv4 && zone->has_ipv6);
  EXPECT_EQ(zone->rate, 0.5);
  EXPECT_EQ(zone->weight, 3);
  EXPECT_EQ(zone->listed.size(), 2U);
}

TEST(Zone, PutsTheKeyInItsPlaceAndKeepsItOutOfTheName) {
  const auto zone = parse_zone("{key}.zen.example.net key=ABC123");
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(zone->name, "{key}.zen.example.net");
  EXPECT_EQ(zone->suffix, "abc123.zen.example.net");
  EXPECT_EQ(question_name(*zone, Subject::of(ip("192.0.2.7"))), "7.2.0.192.abc123.zen.example.net");
}

TEST(Zone, SaysWhatIsWrong) {
  EXPECT_THAT(fault_of(""), HasSubstr("no domain name"));
  EXPECT_THAT(fault_of("a..b"), HasSubstr("no domain name"));
  EXPECT_THAT(fault_of("bl.example colour=red"), HasSubstr("'colour' is no setting"));
  EXPECT_THAT(fault_of("bl.example kind=ip"), HasSubstr("address or domain"));
  EXPECT_THAT(fault_of("bl.example families=none"), HasSubstr("ipv4, ipv6 or both"));
  EXPECT_THAT(fault_of("bl.example listed=10.0.0.2"), HasSubstr("listed is"));
  EXPECT_THAT(fault_of("bl.example listed=127.0.0.4-127.0.0.2"), HasSubstr("listed is"));
  EXPECT_THAT(fault_of("bl.example listed=bits:0"), HasSubstr("listed is"));
  EXPECT_THAT(fault_of("bl.example listed=bits:256"), HasSubstr("listed is"));
  EXPECT_THAT(fault_of("bl.example rate=0"), HasSubstr("rate is"));
  EXPECT_THAT(fault_of("bl.example rate=1001"), HasSubstr("rate is"));
  EXPECT_THAT(fault_of("bl.example rate=nan"), HasSubstr("rate is"));
  EXPECT_THAT(fault_of("{key}.bl.example"), HasSubstr("go together"));
  EXPECT_THAT(fault_of("bl.example key=a"), HasSubstr("go together"));
  EXPECT_THAT(fault_of("{key}.bl.example key=a_b!"), HasSubstr("letters and digits"));
  EXPECT_THAT(fault_of(std::string(1001, 'a')), HasSubstr("1000 characters"));
  EXPECT_EQ(fault_of(std::string(190, 'a')), "");
  EXPECT_THAT(fault_of(std::string(191, 'a')), HasSubstr("190"));
}

TEST(Zone, DefaultsAreWellFormedAndAskedAboutPublicNamesOnly) {
  for (const auto& text : default_zones()) {
    const auto zone = parse_zone(text);
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_TRUE(zone->is_for_public_only) << text;
    EXPECT_FALSE(zone->listed.empty()) << text;
  }
}

TEST(Zone, AsksWithOctetsAndNibblesReversed) {
  const auto zone = *parse_zone("bl.example families=both");
  EXPECT_EQ(question_name(zone, Subject::of(ip("192.0.2.99"))), "99.2.0.192.bl.example");
  EXPECT_EQ(question_name(zone, Subject::of(ip("2001:db8:1:2:3:4:567:89ab"))),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example");
  EXPECT_EQ(question_name(zone, Subject::of(std::string{"acme.example"})), "acme.example.bl.example");
}

TEST(Zone, TestsAreThoseOfRfc5782) {
  const auto zone = *parse_zone("bl.example families=both");
  EXPECT_EQ(test_names(zone, Branch::kIpv4).listed, "2.0.0.127.bl.example");
  EXPECT_EQ(test_names(zone, Branch::kIpv4).clear, "1.0.0.127.bl.example");
  EXPECT_EQ(test_names(zone, Branch::kIpv6).listed,
            "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example");
  EXPECT_EQ(test_names(zone, Branch::kIpv6).clear,
            "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example");
  EXPECT_EQ(test_names(*parse_zone("dbl.example kind=domain"), Branch::kDomain).listed, "test.dbl.example");
  EXPECT_EQ(test_names(*parse_zone("dbl.example kind=domain"), Branch::kDomain).clear, "invalid.dbl.example");
  EXPECT_EQ(test_names(*parse_zone("dbl.example kind=domain listed-test=dbltest.com"), Branch::kDomain).listed,
            "dbltest.com.dbl.example");
}

Verdict verdict_of(std::string_view zone, std::vector<IpAddress> answers) {
  return judge(*parse_zone(zone), answers).verdict;
}

TEST(Zone, JudgesAnswersByTheirValue) {
  const auto* zone = "bl.example listed=127.0.0.2-127.0.0.4,127.0.1.2";
  EXPECT_EQ(verdict_of(zone, {}), Verdict::kClear);
  EXPECT_EQ(verdict_of(zone, {ip("127.0.0.2")}), Verdict::kListed);
  EXPECT_EQ(verdict_of(zone, {ip("127.0.0.4")}), Verdict::kListed);
  EXPECT_EQ(verdict_of(zone, {ip("127.0.0.5")}), Verdict::kClear);
  EXPECT_EQ(verdict_of(zone, {ip("127.0.1.2")}), Verdict::kListed);
  EXPECT_EQ(verdict_of(zone, {ip("127.0.0.10"), ip("127.0.0.3")}), Verdict::kListed);
  EXPECT_EQ(verdict_of("bl.example listed=bits:6", {ip("127.0.0.8")}), Verdict::kClear);
  EXPECT_EQ(verdict_of("bl.example listed=bits:6", {ip("127.0.0.10")}), Verdict::kListed);
  EXPECT_EQ(verdict_of("bl.example", {ip("127.9.9.9")}), Verdict::kListed);
}

TEST(Zone, ErrorsAreNeverListings) {
  for (const auto* answer : {"127.255.255.0", "127.255.255.254", "127.255.255.255", "127.0.0.1", "10.0.0.1",
                             "192.0.2.1", "126.255.255.255", "128.0.0.0"}) {
    EXPECT_EQ(verdict_of("bl.example", {ip(answer)}), Verdict::kRefused) << answer;
    EXPECT_EQ(verdict_of("bl.example", {ip("127.0.0.2"), ip(answer)}), Verdict::kRefused) << answer;
    EXPECT_EQ(verdict_of("bl.example", {ip(answer), ip("127.0.0.2")}), Verdict::kRefused) << answer;
  }
  EXPECT_EQ(verdict_of("bl.example", {ip("127.255.254.255")}), Verdict::kListed);
}

TEST(Subject, KnowsWhatPublicListsCannotKnow) {
  for (const auto* text : {"127.0.0.2", "10.1.2.3", "192.168.0.1", "192.0.2.1", "fe80::1", "fd00::1", "2001:db8::1"}) {
    EXPECT_FALSE(is_public(Subject::of(ip(text)))) << text;
  }
  for (const auto* text : {"8.8.8.8", "193.0.0.1", "2a00::1"}) EXPECT_TRUE(is_public(Subject::of(ip(text)))) << text;
  for (const auto* text : {"acme.example", "test", "a.test", "mail.example.com"}) {
    EXPECT_FALSE(is_public(Subject::of(std::string{text}))) << text;
  }
  for (const auto* text : {"acme.de", "contest", "myexample.com"}) {
    EXPECT_TRUE(is_public(Subject::of(std::string{text}))) << text;
  }
}

}  // namespace
}  // namespace bulkhead::listings

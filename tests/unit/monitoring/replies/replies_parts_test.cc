#include <string>

#include <gtest/gtest.h>

#include "monitoring/replies/extraction.h"
#include "monitoring/replies/providers.h"
#include "monitoring/replies/unknown_replies.h"
#include "src/mail/utf8.h"

namespace bulkhead::replies {
namespace {

Providers two_providers() {
  return Providers{{{"big", 1, {".big.example"}, {"big.example"}}, {"inner", 2, {".mail.big.example"}, {}}}};
}

std::string_view of(std::initializer_list<std::string_view> hosts) {
  static const Providers providers = two_providers();
  return providers.of_mx(std::vector<std::string_view>{hosts});
}

TEST(Providers, NeedEveryMxOfTheSite) {
  EXPECT_EQ(of({"mx1.big.example", "MX2.Big.Example."}), "big");
  EXPECT_EQ(of({"mx1.big.example", "mx.other.example"}), "");
  EXPECT_EQ(of({"mx.other.example", "mx1.big.example"}), "");
  EXPECT_EQ(of({"mx1.big.example", "mx1.mail.big.example"}), "") << "two providers are not one";
  EXPECT_EQ(of({}), "");
}

TEST(Providers, MatchWholeLabelsAndTheLongestSuffix) {
  EXPECT_EQ(of({"mx.notbig.example"}), "");
  EXPECT_EQ(of({"big.example"}), "");
  EXPECT_EQ(of({"mx.big.example.evil.example"}), "");
  EXPECT_EQ(of({"a.mail.big.example"}), "inner");
}

TEST(Providers, AreFoundBySite) {
  const auto providers = two_providers();
  EXPECT_EQ(providers.of_site("big.example"), "big");
  EXPECT_EQ(providers.of_site("mx1.big.example+mx2.big.example"), "big");
  EXPECT_EQ(providers.of_site("mx1.big.example+mx2.other.example"), "");
  EXPECT_EQ(providers.of_site("mx1.big.example+mx2.big.exam~0123456789abcdef"), "");
  EXPECT_EQ(providers.of_site("route:mx1.big.example:25"), "");
  EXPECT_EQ(providers.of_site(""), "");
}

TEST(NormalText, IsOneLineOfBoundedLength) {
  EXPECT_EQ(normal_text("  a\r\n\tb \x01 c "), "a b c");
  EXPECT_EQ(normal_text(std::string(kTextSizeMax + 1, 'a')).size(), kTextSizeMax);
  EXPECT_EQ(normal_text(""), "");
}

TEST(EnhancedCode, IsReadFromTheFront) {
  EXPECT_EQ(EnhancedCode::parse_front("5.7.1 no"), (EnhancedCode{5, 7, 1}));
  EXPECT_EQ(EnhancedCode::parse_front("#4.7.650"), (EnhancedCode{4, 7, 650}));
  for (const auto* text : {"", "3.1.1", "5.7", "5.7.", "5.7.1.1", "5.1000.1", "x5.7.1", "99999999999.1.1"}) {
    EXPECT_EQ(EnhancedCode::parse_front(text), std::nullopt) << text;
  }
}

Extracted extract(std::string_view text) {
  static const Extractor extractor;
  return extractor.extract(text);
}

TEST(Extraction, FindsAddressesOnlyWhereTheyAreAnnounced) {
  EXPECT_EQ(extract("mail from [192.0.2.7] refused").address, IpAddress::parse("192.0.2.7"));
  EXPECT_EQ(extract("see http://x.example/?ip=192.0.2.7").address, IpAddress::parse("192.0.2.7"));
  EXPECT_EQ(extract("your IP: 192.0.2.7.").address, IpAddress::parse("192.0.2.7"));
  EXPECT_EQ(extract("host [2001:db8::7] refused").address, IpAddress::parse("2001:db8::7"));
  EXPECT_EQ(extract("deferred - 4.16.55.1").address, std::nullopt);
  EXPECT_EQ(extract("answer [127.0.0.2] of the list").address, std::nullopt);
  EXPECT_EQ(extract("answer [127.0.0.2] for [192.0.2.7]").address, IpAddress::parse("192.0.2.7"));
  EXPECT_EQ(extract("version 1.2.3.4567 from 1.2.3.4567").address, std::nullopt);
  EXPECT_EQ(extract("[999.1.1.1]").address, std::nullopt);
}

TEST(Extraction, FindsZones) {
  EXPECT_EQ(extract("Client host [192.0.2.7] blocked using Zen.Spamhaus.org; x").zone, "zen.spamhaus.org");
  EXPECT_EQ(extract("listed in bl.example.net").zone, "bl.example.net");
  EXPECT_EQ(extract("blacklisted (xbl.spamhaus.org)").zone, "xbl.spamhaus.org");
  EXPECT_EQ(extract("blocked by 192.0.2.7").zone, "");
  EXPECT_EQ(extract("nothing. here").zone, "");
}

TEST(Extraction, TakesLinksThatAreSafeToShow) {
  EXPECT_EQ(extract("see (https://x.example/a?b=c).").link, "https://x.example/a?b=c");
  EXPECT_EQ(extract("see <https://x.example/a>").link, "https://x.example/a");
  EXPECT_EQ(extract("see https://x.example/<script>").link, "https://x.example/");
  EXPECT_EQ(extract("see ftp://x.example/").link, "");
  EXPECT_EQ(extract("see http://").link, "");
  EXPECT_EQ(extract("see https://x.example/" + std::string(283, 'a')).link, "")
      << "301 octets: cut, it leads elsewhere";
}

TEST(Extraction, ReadsTimesWithinBounds) {
  EXPECT_EQ(extract("try again in 5 minutes").retry_after, std::chrono::minutes{5});
  EXPECT_EQ(extract("Greylisted for 300 seconds").retry_after, std::chrono::seconds{300});
  EXPECT_EQ(extract("please retry after 2 hours").retry_after, std::chrono::hours{2});
  EXPECT_EQ(extract("wait 999999 days").retry_after, std::chrono::hours{24 * 7});
  EXPECT_EQ(extract("try again in 0 minutes").retry_after, std::nullopt);
  EXPECT_EQ(extract("try again later").retry_after, std::nullopt);
}

TEST(UnknownReplies, CountByShape) {
  EXPECT_EQ(shape_of(550, "5.7.1 mail from [192.0.2.7] ref A1B2C3D4 for u@a.example"),
            "550 5.7.1 mail from [#] ref # for #");
  UnknownReplies unknown;
  const UtcTime now{};
  unknown.add({"", Stage::kRcpt, 550, "", "odd 192.0.2.7"}, now);
  unknown.add({"", Stage::kRcpt, 550, "", "odd 192.0.2.8"}, now + std::chrono::hours{1});
  unknown.add({"big", Stage::kRcpt, 550, "", "odd 192.0.2.8"}, now);
  ASSERT_EQ(unknown.list().size(), 2U);
  EXPECT_EQ(unknown.list()[0].count, 2U);
  EXPECT_EQ(unknown.list()[0].sample, "550 odd 192.0.2.7");
  EXPECT_EQ(unknown.list()[0].last - unknown.list()[0].first, std::chrono::hours{1});
  EXPECT_NE(export_text(unknown.list()).find("match {- rcpt} 550 odd 192.0.2.7\n"), std::string::npos);
  EXPECT_NE(export_text(unknown.list()).find("match {big rcpt} 550 odd 192.0.2.8\n"), std::string::npos);
}

TEST(UnknownReplies, StayBoundedAndKeepTheFrequent) {
  UnknownReplies unknown{10};
  for (int i = 0; i < 2000; ++i) {
    unknown.add({"", Stage::kRcpt, 550, "", "often"}, UtcTime{});
    unknown.add({"", Stage::kRcpt, 550, "", "rare" + std::string(static_cast<std::size_t>(i % 17), 'x')}, UtcTime{});
  }
  EXPECT_LE(unknown.list().size(), 10U);
  EXPECT_EQ(unknown.list().front().shape, "550 often");
  EXPECT_EQ(unknown.total(), 4000U);
}

TEST(UnknownReplies, ShowHostileTextHarmlessly) {
  UnknownReplies unknown;
  unknown.add({"", Stage::kRcpt, 550, "", std::string(1U << 20, '\x1b')}, UtcTime{});
  unknown.add({"", Stage::kRcpt, 550, "", "\xff\r\nrule evil\n"}, UtcTime{});
  for (const auto& each : unknown.list()) EXPECT_TRUE(mail::is_printable_utf8(each.sample));
  EXPECT_EQ(export_text(unknown.list()).find("\nrule evil"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::replies

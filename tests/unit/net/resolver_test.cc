#include "src/net/resolver.h"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/net/dns_cache.h"
#include "src/net/dns_servers.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/shard_runner.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/net/test_dns_server.h"

namespace bulkhead::net {

bool operator==(const MxRecord& a, const MxRecord& b) {
  return a.preference == b.preference && a.exchange == b.exchange;
}

namespace {

using namespace std::chrono_literals;
using dns::kQuestionName;
using dns::name;
using dns::record;
using dns::Reply;
using dns::u16;
using dns::u32;
using testing::ElementsAre;
using testing::SizeIs;
using testlib::ManualClock;
using testlib::ShardRunner;

std::string mx_record(unsigned ttl, unsigned preference, std::string_view exchange) {
  return record(kQuestionName, 15, ttl, u16(preference) + name(exchange));
}
std::string a_record(unsigned ttl, std::string bytes) {
  return record(kQuestionName, 1, ttl, bytes);
}
std::string soa_record(unsigned ttl, unsigned minimum) {
  return record(name("example"), 6, ttl,
                name("ns.example") + name("root.example") + u32(1) + u32(2) + u32(3) + u32(4) + u32(minimum));
}

class ResolverTest : public testing::Test {
 protected:
  ~ResolverTest() override {
    if (resolver_) runner_.call([this] { resolver_.reset(); });
  }
  // Answers every question with `reply`.
  void serve(Reply reply) {
    serve_with([reply = std::move(reply)](const std::string& query, bool) {
      return std::vector<std::string>{dns::encode(query, reply)};
    });
  }
  void serve_with(TestDnsServer::Answer answer) {
    if (resolver_) runner_.call([this] { resolver_.reset(); });
    server_ = std::make_unique<TestDnsServer>(std::move(answer));
    options_.servers = {server_->address()};
    resolver_ = std::move(make_cares_resolver(runner_.shard(), clock_, options_).value());
  }
  void advance(std::chrono::seconds by) {
    runner_.call([&] { clock_.advance(by); });
  }
  auto mx(std::string domain) { return runner_.run(resolver_->mx(std::move(domain))); }
  auto a(std::string host) { return runner_.run(resolver_->addresses(std::move(host), Family::kIpv4)); }
  ErrorCode mx_error() {
    const auto result = mx("example");
    return result ? ErrorCode::kInvalid : result.error().code;
  }

  ShardRunner runner_;
  ManualClock clock_;
  ResolverOptions options_{.servers = {}, .attempt_timeout = 20s, .total_timeout = 60s};
  std::unique_ptr<TestDnsServer> server_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, FindsMailExchangersAsAnswered) {
  serve({.answers = {mx_record(300, 20, "Backup.Example"), mx_record(300, 10, "mx.example")}});
  const auto result = mx("Example.");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(*result, ElementsAre(MxRecord{20, "backup.example"}, MxRecord{10, "mx.example"}));
}

TEST_F(ResolverTest, ShowsTheNullMx) {
  serve({.answers = {mx_record(300, 0, "")}});
  EXPECT_THAT(mx("example").value(), ElementsAre(MxRecord{0, ""}));
}

TEST_F(ResolverTest, FindsAddressesOfBothFamilies) {
  serve_with([](const std::string& query, bool) {
    const std::string six{"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16};
    const bool is_aaaa = dns::question_of(query).find(u16(28) + u16(1)) != std::string::npos;
    const auto answer = is_aaaa ? record(kQuestionName, 28, 60, six) : a_record(60, "\xC0\x01\x02\x03");
    return std::vector{dns::encode(query, {.answers = {answer}})};
  });
  EXPECT_EQ(a("host.example").value().at(0).text(), "192.1.2.3");
  const auto six = runner_.run(resolver_->addresses("host.example", Family::kIpv6));
  EXPECT_EQ(six.value().at(0).text(), "2001:db8::7");
}

TEST_F(ResolverTest, JoinsTheStringsOfATextRecord) {
  serve({.answers = {record(kQuestionName, 16, 60, std::string{"\x06v=spf1\x05 -all"}),
                     record(kQuestionName, 16, 60, std::string("\0", 1))}});
  EXPECT_THAT(runner_.run(resolver_->txt("example")).value(), ElementsAre("v=spf1 -all", ""));
}

TEST_F(ResolverTest, AsksForTheNameOfAnAddress) {
  serve_with([](const std::string& query, bool) {
    const bool is_four = query.find(name("7.2.0.192.in-addr.arpa")) != std::string::npos;
    const auto host = is_four ? "four.example" : "other.example";
    return std::vector{dns::encode(query, {.answers = {record(kQuestionName, 12, 60, name(host))}})};
  });
  EXPECT_THAT(runner_.run(resolver_->ptr(*IpAddress::parse("192.0.2.7"))).value(), ElementsAre("four.example"));
  EXPECT_THAT(runner_.run(resolver_->ptr(*IpAddress::parse("2001:db8::7"))).value(), ElementsAre("other.example"));
}

TEST_F(ResolverTest, FollowsAliases) {
  serve({.answers = {record(kQuestionName, 5, 60, name("Real.Example")),
                     record(name("real.example"), 1, 60, "\xC0\x01\x02\x03"),
                     record(name("stranger.example"), 1, 60, "\xC0\x01\x02\x04")}});
  EXPECT_THAT(a("www.example").value(), SizeIs(1));
}

TEST_F(ResolverTest, TellsNoFromNotNow) {
  serve({.rcode = 3});
  EXPECT_EQ(mx_error(), ErrorCode::kNotFound);
  serve({});
  EXPECT_EQ(mx_error(), ErrorCode::kNotFound);
  serve({.rcode = 2});
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  serve({.rcode = 5});
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
}

TEST_F(ResolverTest, SilenceIsATimeoutWithinTheTotalTime) {
  options_.attempt_timeout = 20ms;
  options_.total_timeout = 100ms;
  serve_with([](const std::string&, bool) { return std::vector<std::string>{}; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(mx_error(), ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST_F(ResolverTest, AsksAgainOverTcpWhenTheAnswerIsTruncated) {
  serve_with([](const std::string& query, bool is_tcp) {
    const Reply full{.answers = {mx_record(300, 10, "mx.example")}};
    return std::vector{dns::encode(query, is_tcp ? full : Reply{.is_truncated = true})};
  });
  const auto result = mx("example");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(*result, SizeIs(1));
  EXPECT_EQ(server_->queries(), 2);
}

TEST_F(ResolverTest, KeepsAHundredOfAsManyMailExchangersAsFitIntoAMessage) {
  serve_with([](const std::string& query, bool is_tcp) {
    Reply reply{.is_truncated = !is_tcp};
    for (unsigned i = 0; is_tcp && i < 3600; ++i) {
      reply.answers.push_back(
          record(kQuestionName, 15, 60, u16(i) + "\x01" + static_cast<char>('a' + i % 26) + "\xC0\x0C"));
    }
    return std::vector{dns::encode(query, reply)};
  });
  const auto result = mx("example");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(*result, SizeIs(100));
}

TEST_F(ResolverTest, IgnoresAnAnswerWithAWrongId) {
  serve_with([](const std::string& query, bool) {
    std::string forged = dns::encode(query, {.answers = {mx_record(300, 10, "evil.example")}});
    forged[0] = static_cast<char>(forged[0] ^ 1);
    return std::vector{forged, dns::encode(query, {.answers = {mx_record(300, 10, "mx.example")}})};
  });
  EXPECT_THAT(mx("example").value(), ElementsAre(MxRecord{10, "mx.example"}));
}

TEST_F(ResolverTest, IgnoresAnAnswerToAnotherQuestion) {
  serve_with([](const std::string& query, bool) {
    std::string forged = dns::encode(query, {.answers = {mx_record(300, 10, "evil.example")}});
    forged[13] = 'x';
    return std::vector{forged, dns::encode(query, {.answers = {mx_record(300, 10, "mx.example")}})};
  });
  EXPECT_THAT(mx("example").value(), ElementsAre(MxRecord{10, "mx.example"}));
}

TEST_F(ResolverTest, MalformedAnswersAreTemporary) {
  const std::string loop = u16(10) + std::string{"\xC0\x27", 2};  // its exchange points to itself
  const std::vector<std::string> answers{
      record(kQuestionName, 15, 60, loop),
      record(kQuestionName, 15, 60, "\x01"),
      record(kQuestionName, 15, 60, u16(10)),
      record(kQuestionName, 15, 60, u16(10) + name("mx.example") + "more"),
      kQuestionName + u16(15) + u16(1) + u32(60) + u16(500) + "short",
      record("\xC0\x7F", 15, 60, u16(10) + name("mx.example")),
  };
  for (const auto& answer : answers) {
    serve({.answers = {answer}});
    EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  }
}

TEST_F(ResolverTest, LeavesOutExchangersWithImpossibleNames) {
  serve({.answers = {mx_record(300, 10, "a b.example"), mx_record(300, 20, "x\r\n.example"),
                     mx_record(300, 30, "ok_1.example")}});
  EXPECT_THAT(mx("example").value(), ElementsAre(MxRecord{30, "ok_1.example"}));
}

TEST_F(ResolverTest, RemembersAnAnswerForItsTtl) {
  serve({.answers = {mx_record(300, 10, "mx.example")}});
  ASSERT_TRUE(mx("example"));
  advance(299s);
  ASSERT_TRUE(mx("EXAMPLE."));
  EXPECT_EQ(server_->queries(), 1);
  advance(1s);
  ASSERT_TRUE(mx("example"));
  EXPECT_EQ(server_->queries(), 2);
}

TEST_F(ResolverTest, BoundsTheTtlOnBothSides) {
  serve({.answers = {mx_record(0, 10, "mx.example")}});
  ASSERT_TRUE(mx("example"));
  advance(4s);
  ASSERT_TRUE(mx("example"));
  EXPECT_EQ(server_->queries(), 1);
  serve({.answers = {mx_record(1000000, 10, "mx.example")}});
  ASSERT_TRUE(mx("example"));
  advance(3600s);
  ASSERT_TRUE(mx("example"));
  EXPECT_EQ(server_->queries(), 2);
}

TEST_F(ResolverTest, RemembersANoAsTheZoneSays) {
  serve({.rcode = 3, .authorities = {soa_record(900, 120)}});
  EXPECT_EQ(mx_error(), ErrorCode::kNotFound);
  advance(119s);
  EXPECT_EQ(mx_error(), ErrorCode::kNotFound);
  EXPECT_EQ(server_->queries(), 1);
  advance(1s);
  EXPECT_EQ(mx_error(), ErrorCode::kNotFound);
  EXPECT_EQ(server_->queries(), 2);
}

TEST_F(ResolverTest, RemembersAFailureOnlyShortly) {
  serve({.rcode = 2});
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  const int asked = server_->queries();
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  EXPECT_EQ(server_->queries(), asked);
  advance(2s);
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  EXPECT_GT(server_->queries(), asked);
}

Task<void> ask(Resolver& resolver, int& answered, std::promise<void>& done, int wanted) {
  const auto result = co_await resolver.mx("example");
  if (result && ++answered == wanted) done.set_value();
}

TEST_F(ResolverTest, AsksTheSameQuestionOnceForAll) {
  std::promise<void> release;
  auto released = release.get_future().share();
  serve_with([released](const std::string& query, bool) {
    released.wait();
    return std::vector{dns::encode(query, {.answers = {mx_record(300, 10, "mx.example")}})};
  });
  int answered = 0;
  std::promise<void> done;
  for (int i = 0; i < 20; ++i) runner_.spawn(ask(*resolver_, answered, done, 20));
  runner_.call([] {});
  release.set_value();
  done.get_future().get();
  EXPECT_EQ(server_->queries(), 1);
}

TEST_F(ResolverTest, AsksEachQuestionFromAnotherPort) {
  serve({.answers = {mx_record(300, 10, "mx.example")}});
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(mx("d" + std::to_string(i) + ".example"));
  const auto ports = server_->client_ports();
  EXPECT_GE((std::set<std::uint16_t>{ports.begin(), ports.end()}.size()), 6U);
}

TEST_F(ResolverTest, RefusesTooManyQuestionsAtOnce) {
  options_.questions_max = 0;
  serve({});
  EXPECT_EQ(mx_error(), ErrorCode::kUnavailable);
  EXPECT_EQ(server_->queries(), 0);
}

TEST_F(ResolverTest, RefusesImpossibleNamesWithoutAsking) {
  serve({});
  for (const std::string& domain :
       {std::string{}, std::string(254, 'a'), std::string(64, 'a') + ".example", std::string{"a..b"}}) {
    const auto result = mx(domain);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kNotFound) << domain;
  }
  EXPECT_EQ(server_->queries(), 0);
}

TEST_F(ResolverTest, UsesTheSecondServerWhenTheFirstIsDead) {
  serve({.answers = {mx_record(300, 10, "mx.example")}});
  runner_.call([this] { resolver_.reset(); });
  options_.servers.insert(options_.servers.begin(), "127.0.0.1:9");
  resolver_ = std::move(make_cares_resolver(runner_.shard(), clock_, options_).value());
  EXPECT_TRUE(mx("example"));
}

TEST_F(ResolverTest, RefusesAServerThatIsNoAddress) {
  for (const char* server : {"", "dns.example:53", "192.0.2.1", "192.0.2.1:99999"}) {
    options_.servers = {server};
    EXPECT_FALSE(make_cares_resolver(runner_.shard(), clock_, options_)) << server;
  }
}

TEST_F(ResolverTest, TellsHowEachLookupEnded) {
  std::vector<std::string> seen;
  options_.on_lookup = [&](const DnsLookup& lookup) {
    seen.push_back(std::string{lookup.outcome} + (lookup.took ? " asked" : ""));
  };
  serve({.answers = {a_record(300, "\x7f\x01\x02\x03")}});
  EXPECT_TRUE(a("a.example"));
  EXPECT_TRUE(a("a.example"));
  EXPECT_FALSE(mx("a.example"));
  EXPECT_THAT(seen, ElementsAre("ok asked", "cached", "none asked"));
}

class DnsServersTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream{file_} << text; }
  testlib::TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/resolv.conf";
  ManualClock clock_;
};

TEST_F(DnsServersTest, TakesTheGivenOnesAsTheyAre) {
  write("nameserver 192.0.2.1\n");
  DnsServers servers{{"192.0.2.53:53", "[2001:db8::53]:5353"}, clock_, file_};
  EXPECT_EQ(servers.list(), "192.0.2.53:53,[2001:db8::53]:5353");
}

TEST_F(DnsServersTest, FollowsTheSystemsFileWithinASecond) {
  write("nameserver 192.0.2.1\nnameserver 2001:db8::1\n");
  DnsServers servers{{}, clock_, file_};
  EXPECT_EQ(servers.list(), "192.0.2.1:53,[2001:db8::1]:53");
  write("nameserver 192.0.2.2\n");
  clock_.advance(999ms);
  EXPECT_EQ(servers.list(), "192.0.2.1:53,[2001:db8::1]:53");
  clock_.advance(1ms);
  EXPECT_EQ(servers.list(), "192.0.2.2:53");
}

TEST_F(DnsServersTest, ReadsAFileThatAppearsLater) {
  DnsServers servers{{}, clock_, file_};
  servers.list();
  write("nameserver 192.0.2.3\n");
  clock_.advance(1s);
  EXPECT_EQ(servers.list(), "192.0.2.3:53");
}

TEST(DnsMessage, SurvivesEveryTruncationAndEveryFlippedByte) {
  const std::string query =
      u16(7) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(0) + name("example") + u16(15) + u16(1);
  const Reply reply{.answers = {record(kQuestionName, 5, 60, name("real.example")),
                                record(name("real.example"), 15, 60, u16(10) + name("mx.example"))},
                    .authorities = {soa_record(60, 60)}};
  const std::string message = dns::encode(query, reply);
  ASSERT_TRUE(parse_dns_message(message, "example", RecordType::kMx));
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(parse_dns_message(std::string{message, 0, size}, "example", RecordType::kMx)) << size;
  }
  for (std::size_t i = 0; i < message.size(); ++i) {
    for (const int mask : {0x01, 0x40, 0x80, 0xC0, 0xFF}) {
      std::string flipped = message;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      const auto parsed = parse_dns_message(flipped, "example", RecordType::kMx);
      EXPECT_LE(parsed ? parsed->answer.mx.size() : 0U, 1U);
    }
  }
}

DnsOutcome outcome_with(std::size_t text_size) {
  DnsAnswer answer;
  answer.texts.emplace_back(text_size, 'x');
  return std::make_shared<const Result<DnsAnswer>>(std::move(answer));
}

TEST(DnsCache, DropsTheLeastRecentlyUsedBeyondItsNumber) {
  ManualClock clock;
  DnsCache cache{clock, {.entries_max = 2}};
  cache.put("a", outcome_with(1), 60s);
  cache.put("b", outcome_with(1), 60s);
  ASSERT_NE(cache.find("a"), nullptr);
  cache.put("c", outcome_with(1), 60s);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
}

TEST(DnsCache, BoundsItsMemory) {
  ManualClock clock;
  DnsCache cache{clock, {.entries_max = 1000, .bytes_max = 100000}};
  for (int i = 0; i < 100; ++i) cache.put(std::to_string(i), outcome_with(10000), 60s);
  EXPECT_LE(cache.bytes(), 100000U);
  EXPECT_LT(cache.size(), 10U);
  EXPECT_NE(cache.find("99"), nullptr);
}

TEST(DnsCache, ForgetsWithTime) {
  ManualClock clock;
  DnsCache cache{clock, {}};
  cache.put("a", outcome_with(1), 60s);
  clock.advance(60s);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0U);
}

}  // namespace
}  // namespace bulkhead::net

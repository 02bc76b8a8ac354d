#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/base/task.h"
#include "src/base/unique_function.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead {
namespace {

using testlib::ManualClock;

TEST(Id, SurvivesTheWayThroughText) {
  ManualClock clock;
  SeededRandom random{1};
  const auto id = MessageId::make(clock, random);
  EXPECT_EQ(id.text().size(), 26U);
  EXPECT_EQ(MessageId::parse(id.text()), id);
}

TEST(Id, SortsByTimeAsText) {
  ManualClock clock;
  SeededRandom random{2};
  const auto first = MessageId::make(clock, random);
  clock.advance(std::chrono::milliseconds{1});
  const auto second = MessageId::make(clock, random);
  EXPECT_LT(first, second);
  EXPECT_LT(first.text(), second.text());
}

TEST(Id, RefusesWhatIsNoUlid) {
  for (const char* text : {"", "0", "80000000000000000000000000", "0123456789ABCDEFGHJKMNPQRU",
                           "0123456789abcdefghjkmnpq'", "0123456789ABCDEFGHJKMNPQRSS"}) {
    EXPECT_FALSE(MessageId::parse(text)) << text;
  }
}

TEST(Clock, WritesAndReadsRfc3339) {
  const auto time = parse_rfc3339("2026-11-23T01:02:03.456Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), "2026-11-23T01:02:03.456Z");
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-23T03:02:03+02:00")), "2026-11-23T01:02:03.000Z");
  EXPECT_EQ(to_rfc5322(*time), "Mon, 23 Nov 2026 01:02:03 +0000");
}

TEST(Clock, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2026", "2026-02-30T00:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T01:02:03",
                           "2026-11-23T01:02:03.Z", "2026-11-23T01:02:03Zx", "2026-11-23T01:02:03+99:00"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(IpAddress, TakesMappedIpv4AsIpv4) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->text(), "2001:db8::1");
  EXPECT_FALSE(IpAddress::parse("192.0.2.256"));
  EXPECT_FALSE(IpAddress::parse("1.2.3"));
}

TEST(IpNetwork, ContainsExactlyItsAddresses) {
  const auto network = IpNetwork::parse("192.0.2.77/26");
  ASSERT_TRUE(network);
  EXPECT_EQ(network->text(), "192.0.2.64/26");
  EXPECT_FALSE(network->contains(*IpAddress::parse("192.0.2.63")));
  EXPECT_TRUE(network->contains(*IpAddress::parse("192.0.2.64")));
  EXPECT_TRUE(network->contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(network->contains(*IpAddress::parse("192.0.2.128")));
  EXPECT_FALSE(network->contains(*IpAddress::parse("::1")));
  EXPECT_FALSE(IpNetwork::parse("192.0.2.0/33"));
}

TEST(SocketAddress, NeedsBracketsForIpv6) {
  EXPECT_EQ(SocketAddress::parse("[2001:db8::1]:25")->text(), "[2001:db8::1]:25");
  EXPECT_EQ(SocketAddress::parse("127.0.0.1:65535")->port, 65535);
  EXPECT_FALSE(SocketAddress::parse("2001:db8::1:25"));
  EXPECT_FALSE(SocketAddress::parse("127.0.0.1:65536"));
  EXPECT_FALSE(SocketAddress::parse("127.0.0.1"));
}

TEST(Random, StaysBelowItsBound) {
  SystemRandom random;
  for (int i = 0; i < 1000; ++i) EXPECT_LT(random.below(7), 7U);
}

TEST(Log, EscapesControlsSoThatPeersForgeNoLines) {
  EXPECT_EQ(escape_controls("a\r\nb\x7f"), "a\\x0d\\x0ab\\x7f");
}

TEST(UniqueFunction, HoldsWhatCannotBeCopied) {
  UniqueFunction<int()> function = [value = std::make_unique<int>(7)] { return *value; };
  EXPECT_EQ(function(), 7);
}

Task<int> seven() {
  co_return 7;
}
Task<> add_to(int& sum) {
  sum += co_await seven();
  sum += co_await seven();
}
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
Detached run(Task<> task) {
  co_await std::move(task);
}

TEST(Task, RunsWhenAwaited) {
  int sum = 0;
  auto task = add_to(sum);
  EXPECT_EQ(sum, 0);
  run(std::move(task));
  EXPECT_EQ(sum, 14);
}

}  // namespace
}  // namespace bulkhead

#include "src/trace/event_codec.h"

#include <functional>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/trace/block.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::trace {
namespace {

Event full_event() {
  testlib::ManualClock clock;
  SeededRandom random{3};
  Event event;
  event.at = clock.now();
  event.kind = EventKind::kDelivered;
  event.id = MessageId::make(clock, random);
  event.tenant = TenantId::make(clock, random);
  event.account = AccountId::make(clock, random);
  event.account_name = "alice@acme.example";
  event.client_ip = IpAddress::parse("2001:db8::1");
  event.arrival = SocketAddress::parse("192.0.2.1:587");
  event.source = IpAddress::parse("192.0.2.2");
  event.remote = "mx.example[203.0.113.1]:25";
  event.site = "mx.example";
  event.protocol = "submission";
  event.sender = "alice@acme.example";
  event.recipients = {"bob@example.net", "", "carol@example.net"};
  event.message_id = "<1@acme.example>";
  event.subject = "Grüße";
  event.size = 1ULL << 40;
  event.folder = "INBOX";
  event.uid = 0xFFFFFFFF;
  event.rule = "spam";
  event.verdict = "clean";
  event.reply = "250 2.0.0 ok";
  event.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384 verified";
  event.user = "root";
  event.detail = std::string("with\0zero", 9);
  return event;
}

Result<Event> there_and_back(const Event& event, UtcTime base = {}) {
  std::string bytes;
  append_event(bytes, event, base);
  return decode_event(bytes, base);
}

TEST(EventCodec, KeepsEveryField) {
  EXPECT_EQ(there_and_back(full_event()).value(), full_event());
  EXPECT_EQ(there_and_back(full_event(), full_event().at + std::chrono::hours{1}).value(), full_event());
  EXPECT_EQ(there_and_back(Event{}).value(), Event{});
}

TEST(EventCodec, KeepsEachFieldAlone) {
  const Event full = full_event();
  const std::vector<std::function<void(Event&)>> fields{
      [&](Event& e) { e.id = full.id; },
      [&](Event& e) { e.tenant = full.tenant; },
      [&](Event& e) { e.account = full.account; },
      [&](Event& e) { e.account_name = "x"; },
      [&](Event& e) { e.client_ip = full.client_ip; },
      [&](Event& e) { e.client_ip = IpAddress{}; },
      [&](Event& e) { e.arrival = full.arrival; },
      [&](Event& e) { e.source = full.source; },
      [&](Event& e) { e.remote = "x"; },
      [&](Event& e) { e.site = "x"; },
      [&](Event& e) { e.protocol = "x"; },
      [&](Event& e) { e.sender = "x"; },
      [&](Event& e) { e.recipients = {"x"}; },
      [&](Event& e) { e.message_id = "x"; },
      [&](Event& e) { e.subject = "x"; },
      [&](Event& e) { e.size = 1; },
      [&](Event& e) { e.folder = "x"; },
      [&](Event& e) { e.uid = 1; },
      [&](Event& e) { e.rule = "x"; },
      [&](Event& e) { e.verdict = "x"; },
      [&](Event& e) { e.reply = "x"; },
      [&](Event& e) { e.tls = "x"; },
      [&](Event& e) { e.user = "x"; },
      [&](Event& e) { e.detail = "x"; },
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    Event event;
    fields[i](event);
    EXPECT_NE(event, Event{}) << i;
    EXPECT_EQ(there_and_back(event).value(), event) << i;
  }
}

TEST(EventCodec, CostsNothingForWhatIsEmpty) {
  std::string bytes;
  append_event(bytes, Event{}, UtcTime{});
  EXPECT_EQ(bytes.size(), 4U);
}

TEST(EventCodec, CutsTextAtItsBound) {
  for (const std::size_t size : {kTextSizeMax - 1, kTextSizeMax, kTextSizeMax + 1}) {
    Event event;
    event.subject = std::string(size, 's');
    EXPECT_EQ(there_and_back(event).value().subject.size(), std::min(size, kTextSizeMax));
  }
}

TEST(EventCodec, RefusesEveryCutAndEveryAddition) {
  std::string bytes;
  append_event(bytes, full_event(), UtcTime{});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_event(std::string_view{bytes}.substr(0, size), UtcTime{})) << size;
  }
  EXPECT_FALSE(decode_event(bytes + '\0', UtcTime{}));
}

TEST(EventCodec, SurvivesEveryFlippedBit) {
  std::string bytes;
  append_event(bytes, full_event(), UtcTime{});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = decode_event(flipped, UtcTime{});
    EXPECT_TRUE(!decoded || *decoded != full_event()) << bit;
  }
}

TEST(EventKind, NamesGoBothWays) {
  int known = 0;
  for (int value = 0; value < 256; ++value) {
    const auto kind = static_cast<EventKind>(value);
    if (to_string(kind) == "unknown") continue;
    EXPECT_EQ(parse_event_kind(to_string(kind)), kind);
    ++known;
  }
  EXPECT_EQ(known, 34);
  EXPECT_FALSE(parse_event_kind("unknown"));
  EXPECT_EQ(parse_event_kind("login_failed"), EventKind::kLoginFailed);
}

TEST(KindSet, HoldsExactlyWhatWasAdded) {
  KindSet kinds{};
  add_kind(kinds, EventKind::kChanged);
  add_kind(kinds, EventKind::kReceived);
  EXPECT_TRUE(has_kind(kinds, EventKind::kChanged));
  EXPECT_TRUE(has_kind(kinds, EventKind::kReceived));
  EXPECT_FALSE(has_kind(kinds, EventKind::kRejected));
  EXPECT_FALSE(has_kind(kinds, EventKind::kThrottled));
}

}  // namespace
}  // namespace bulkhead::trace

#include "netpolicy/readiness_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::netpolicy {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using State = Readiness::State;

class ReadinessWatchTest : public ::testing::Test {
 protected:
  ReadinessWatchTest() {
    watch_.set_intervals(1h, 2min);
    watch_.set_gate(ReadinessGate::kRequire, 1h);
    watch_.set_subjects({address_});
  }
  static ReadinessSubject address(char id, const char* ip) {
    return {AddressId::from_bytes(std::string(16, id)), *IpAddress::parse(ip), "mail.acme.example",
            "mail.acme.example"};
  }
  // Lets the next look come and answers it; the change that it made.
  std::optional<ReadinessChange> look(State state, const char* why = "It has no PTR record.") {
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(watch_.next_time() - clock_.steady());
    if (wait > 0us) clock_.advance(wait + 1us);
    waited_ = wait;
    const auto subject = watch_.next();
    EXPECT_TRUE(subject);
    return watch_.answered(*subject, {state, state == State::kReady ? "" : why, {}});
  }
  bool is_withheld(const char* ip) { return watch_.withheld().contains(*IpAddress::parse(ip)); }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  ReadinessWatch watch_{clock_, random_};
  ReadinessSubject address_ = address('a', "192.0.2.1");
  ReadinessSubject domain_{{}, {}, "acme.example", "192.0.2.1"};
  std::chrono::microseconds waited_{0};
};

TEST_F(ReadinessWatchTest, ANewAddressWaitsUntilItPasses) {
  EXPECT_TRUE(is_withheld("192.0.2.1"));
  EXPECT_THAT(watch_.withheld().begin()->second, HasSubstr("was not checked yet"));
  EXPECT_FALSE(look(State::kUnready));
  EXPECT_TRUE(look(State::kUnready)) << "at the second look";
  EXPECT_LE(waited_, 150s);
  EXPECT_THAT(watch_.withheld().begin()->second, HasSubstr("It has no PTR record."));
  EXPECT_FALSE(look(State::kUnready)) << "said once";
  EXPECT_LE(waited_, 150s) << "what waits is looked at soon";
  const auto change = look(State::kReady);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->readiness.state, State::kReady);
  EXPECT_FALSE(is_withheld("192.0.2.1"));
}

TEST_F(ReadinessWatchTest, OnceClearedItStaysSoThoughItFails) {
  look(State::kReady);
  EXPECT_FALSE(look(State::kUnready));
  EXPECT_GE(waited_, 50min);
  const auto change = look(State::kUnready);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->readiness.state, State::kUnready);
  EXPECT_FALSE(is_withheld("192.0.2.1"));
  EXPECT_EQ(watch_.addresses().unready, 1U);
}

TEST_F(ReadinessWatchTest, AFailedLookupChangesNothing) {
  EXPECT_FALSE(look(State::kUnknown, "The PTR record could not be looked up."));
  EXPECT_TRUE(is_withheld("192.0.2.1"));
  look(State::kReady);
  EXPECT_FALSE(look(State::kUnknown));
  EXPECT_EQ(watch_.of_address(address_.ip)->readiness.state, State::kReady);
}

TEST_F(ReadinessWatchTest, IsClearedByHandAndTakenBack) {
  EXPECT_TRUE(watch_.clear(address_.ip, true));
  EXPECT_FALSE(is_withheld("192.0.2.1"));
  look(State::kUnready);
  look(State::kUnready);
  EXPECT_FALSE(is_withheld("192.0.2.1"));
  EXPECT_TRUE(watch_.clear(address_.ip, false));
  EXPECT_TRUE(is_withheld("192.0.2.1"));
  EXPECT_FALSE(watch_.clear(*IpAddress::parse("192.0.2.9"), true));
}

TEST_F(ReadinessWatchTest, ALoopbackAddressIsNeverWithheld) {
  watch_.set_subjects({address('b', "127.0.0.2")});
  EXPECT_FALSE(is_withheld("127.0.0.2"));
}

TEST_F(ReadinessWatchTest, ANewNameIsLookedAtSoon) {
  look(State::kReady);
  auto renamed = address_;
  renamed.detail = renamed.name = "other.acme.example";
  watch_.set_subjects({renamed, domain_});
  look(State::kReady);
  EXPECT_LE(waited_, 1s);
  EXPECT_FALSE(watch_.answered(address_, {State::kUnready, "old news", {}})) << "an answer about the old name";
}

TEST_F(ReadinessWatchTest, KeepsItsStateOverARestart) {
  watch_.set_subjects({address_, domain_});
  look(State::kReady);
  look(State::kReady);
  const auto rows = watch_.take_changes();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_TRUE(watch_.take_changes().empty());
  ReadinessWatch second{clock_, random_};
  EXPECT_FALSE(second.restore(rows[0].key, rows[0].value)) << "nobody's";
  second.set_subjects({address_, domain_});
  for (const auto& row : rows) EXPECT_TRUE(second.restore(row.key, row.value));
  EXPECT_TRUE(second.withheld().empty());
  EXPECT_EQ(second.of_domain("acme.example")->readiness.state, State::kReady);
  EXPECT_FALSE(second.restore(rows[0].key, "\x01\x03\x01"));
  EXPECT_FALSE(second.restore(rows[0].key, "\x01"));
  second.set_subjects({domain_});
  EXPECT_EQ(second.take_changes().at(0).value, "");
}

// The gate of who has said nothing: what is public and new waits.
class ReadinessGateTest : public ReadinessWatchTest {
 protected:
  ReadinessGateTest() { begin(ReadinessGate::kNew); }
  void begin(ReadinessGate gate) {
    watch_.set_subjects({});
    watch_.set_gate(gate, 1h);
    watch_.set_subjects({public_});
  }
  ReadinessSubject public_ = address('p', "9.9.9.9");
};

TEST_F(ReadinessGateTest, OnlyWhatIsPublicWaits) {
  watch_.set_subjects({public_, address('a', "10.0.0.1"), address('b', "192.0.2.1"), address('c', "2001:db8::1"),
                       address('d', "fd00::1"), address('e', "2a00::1")});
  EXPECT_EQ(watch_.withheld().size(), 2U);
  EXPECT_TRUE(is_withheld("9.9.9.9"));
  EXPECT_TRUE(is_withheld("2a00::1"));
  EXPECT_TRUE(watch_.of_address(public_.ip)->is_withheld);
  EXPECT_FALSE(watch_.of_address(*IpAddress::parse("10.0.0.1"))->is_withheld);
}

TEST_F(ReadinessGateTest, WaitsForAsLongAsChecksSayNo) {
  for (int i = 0; i < 100; ++i) look(State::kUnready);
  EXPECT_TRUE(is_withheld("9.9.9.9"));
  const auto change = look(State::kReady);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->was_withheld);
  EXPECT_FALSE(change->was_ready);
  EXPECT_EQ(change->before, State::kUnready);
  EXPECT_FALSE(is_withheld("9.9.9.9"));
  EXPECT_EQ(watch_.of_address(public_.ip)->clearance, Clearance::kPassed);
}

TEST_F(ReadinessGateTest, IsLetGoWhenNobodyCanSay) {
  look(State::kUnknown, "The PTR record could not be looked up.");
  clock_.advance(59min);
  EXPECT_TRUE(is_withheld("9.9.9.9"));
  EXPECT_TRUE(watch_.take_unjudged().empty());
  clock_.advance(2min);
  EXPECT_FALSE(is_withheld("9.9.9.9"));
  const auto changes = watch_.take_unjudged();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].readiness.state, State::kUnknown);
  EXPECT_THAT(changes[0].readiness.why, HasSubstr("for 3600 s. The PTR record could not be looked up."));
  EXPECT_TRUE(watch_.take_unjudged().empty()) << "told once";
}

TEST_F(ReadinessGateTest, IsLetGoWhenChecksNeverEnd) {
  clock_.advance(61min);
  EXPECT_FALSE(is_withheld("9.9.9.9"));
  EXPECT_EQ(watch_.take_unjudged().size(), 1U);
}

TEST_F(ReadinessGateTest, AnAnswerAfterThatHoldsAgain) {
  clock_.advance(61min);
  ASSERT_FALSE(is_withheld("9.9.9.9"));
  (void)watch_.take_unjudged();
  look(State::kUnready);
  EXPECT_TRUE(is_withheld("9.9.9.9"));
  for (int i = 0; i < 40; ++i) look(State::kUnknown);
  EXPECT_FALSE(is_withheld("9.9.9.9")) << "an old no is no answer either";
  EXPECT_EQ(watch_.take_unjudged().size(), 1U);
}

TEST_F(ReadinessGateTest, WhatWasHereWhileTheGateWasOpenIsNotNew) {
  begin(ReadinessGate::kWarn);
  EXPECT_EQ(watch_.of_address(public_.ip)->clearance, Clearance::kEarlier);
  watch_.set_gate(ReadinessGate::kNew, 1h);
  EXPECT_FALSE(is_withheld("9.9.9.9"));
  watch_.set_gate(ReadinessGate::kRequire, 1h);
  EXPECT_TRUE(is_withheld("9.9.9.9")) << "must have passed";
}

TEST_F(ReadinessGateTest, AnOpenGateLetsGoForGood) {
  ASSERT_TRUE(is_withheld("9.9.9.9"));
  watch_.set_gate(ReadinessGate::kOff, 1h);
  watch_.set_gate(ReadinessGate::kNew, 1h);
  EXPECT_FALSE(is_withheld("9.9.9.9"));
}

TEST_F(ReadinessGateTest, IsTakenBackByHand) {
  begin(ReadinessGate::kWarn);
  watch_.set_gate(ReadinessGate::kNew, 1h);
  EXPECT_TRUE(watch_.clear(public_.ip, false));
  EXPECT_TRUE(is_withheld("9.9.9.9"));
}

TEST_F(ReadinessGateTest, KeepsOverARestartWhoIsNew) {
  begin(ReadinessGate::kWarn);
  watch_.set_gate(ReadinessGate::kNew, 1h);
  const auto second_address = address('q', "9.9.9.10");
  watch_.set_subjects({public_, second_address});
  const auto rows = watch_.take_changes();
  ReadinessWatch second{clock_, random_};
  second.set_gate(ReadinessGate::kNew, 1h);
  second.set_subjects({public_, second_address});
  for (const auto& row : rows) EXPECT_EQ(second.restore(row.key, row.value), !row.value.empty());
  EXPECT_EQ(second.withheld().size(), 1U);
  EXPECT_TRUE(second.withheld().contains(second_address.ip));
}

TEST_F(ReadinessGateTest, ADomainThatWasReadyIsKnownSo) {
  watch_.set_subjects({domain_});
  const auto first = look(State::kReady);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->was_ready);
  look(State::kUnready);
  const auto lost = look(State::kUnready);
  ASSERT_TRUE(lost);
  EXPECT_TRUE(lost->was_ready);
  EXPECT_FALSE(lost->was_withheld);
  const auto again = look(State::kReady);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->was_ready);
  EXPECT_EQ(again->before, State::kUnready);
}

TEST_F(ReadinessGateTest, AFewNewAmongManyAreLookedAtAtOnce) {
  std::vector<ReadinessSubject> many{public_};
  for (int i = 0; i < 100; ++i) many.push_back({{}, {}, "d" + std::to_string(i) + ".example", "x"});
  watch_.set_subjects(many);
  while (watch_.next_time() < clock_.steady() + 1min) look(State::kReady);
  many.push_back(address('q', "9.9.9.10"));
  watch_.set_subjects(many);
  look(State::kReady);
  EXPECT_LE(waited_, 150ms);
}

}  // namespace
}  // namespace bulkhead::netpolicy

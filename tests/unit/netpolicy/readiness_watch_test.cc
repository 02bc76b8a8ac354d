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
  bool is_withheld(const char* ip) { return watch_.uncleared().contains(*IpAddress::parse(ip)); }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  ReadinessWatch watch_{clock_, random_};
  ReadinessSubject address_ = address('a', "192.0.2.1");
  ReadinessSubject domain_{{}, {}, "acme.example", "192.0.2.1"};
  std::chrono::microseconds waited_{0};
};

TEST_F(ReadinessWatchTest, ANewAddressWaitsUntilItPasses) {
  EXPECT_TRUE(is_withheld("192.0.2.1"));
  EXPECT_THAT(watch_.uncleared().begin()->second, HasSubstr("was not checked yet"));
  EXPECT_FALSE(look(State::kUnready));
  EXPECT_TRUE(look(State::kUnready)) << "at the second look";
  EXPECT_LE(waited_, 150s);
  EXPECT_THAT(watch_.uncleared().begin()->second, HasSubstr("It has no PTR record."));
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
  EXPECT_TRUE(second.uncleared().empty());
  EXPECT_EQ(second.of_domain("acme.example")->readiness.state, State::kReady);
  EXPECT_FALSE(second.restore(rows[0].key, "\x01\x03\x01"));
  EXPECT_FALSE(second.restore(rows[0].key, "\x01"));
  second.set_subjects({domain_});
  EXPECT_EQ(second.take_changes().at(0).value, "");
}

}  // namespace
}  // namespace bulkhead::netpolicy

#include "monitoring/listings/watch.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::listings {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = Transition::Kind;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

// The DNS as tables; what is in none of them does not exist.
class WatchTest : public ::testing::Test {
 protected:
  WatchTest() {
    sound("bl.example");
    set({"bl.example rate=1000"});
    put({"192.0.2.1"});
  }

  void sound(const std::string& zone) { listed_["2.0.0.127." + zone] = "127.0.0.2"; }
  void set(const std::vector<std::string>& zones) {
    WatchSettings settings;
    for (const auto& zone : zones) settings.zones.push_back(*parse_zone(zone));
    settings.interval = 1h;
    settings.confirm_after = 2min;
    note(watch_.set_settings(settings));
  }
  void put(const std::vector<std::string>& names) {
    std::vector<Subject> subjects;
    for (const auto& name : names) {
      const auto address = IpAddress::parse(name);
      subjects.push_back(address ? Subject::of(*address) : Subject::of(name));
    }
    note(watch_.set_subjects(subjects));
  }
  Answer answer(const std::string& name) {
    for (const auto& dead : dead_) {
      if (name.ends_with(dead)) return {.kind = Answer::Kind::kFailed, .why = "timeout"};
    }
    for (const auto& wild : wild_) {
      if (name.ends_with(wild)) return {Answer::Kind::kRecords, {ip("127.0.0.2")}, ttl_};
    }
    const auto found = listed_.find(name);
    if (found == listed_.end()) return {.kind = Answer::Kind::kNone};
    return {Answer::Kind::kRecords, {ip(found->second.c_str())}, ttl_};
  }
  void pump() {
    while (const auto question = watch_.next()) {
      ++asked_;
      note(watch_.answered(*question, answer(question->name)));
    }
  }
  void run(std::chrono::seconds time) {
    const auto end = clock_.steady() + time;
    pump();
    while (watch_.next_time() <= end) {
      const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(watch_.next_time() - clock_.steady());
      clock_.advance(std::max(wait, 1us) + 1us);
      pump();
    }
    clock_.advance(std::chrono::duration_cast<std::chrono::microseconds>(end - clock_.steady()));
  }
  void note(const std::vector<Transition>& made) { seen_.insert(seen_.end(), made.begin(), made.end()); }
  long count(Kind kind) const {
    return std::count_if(seen_.begin(), seen_.end(), [&](const auto& each) { return each.kind == kind; });
  }
  const Transition& last() const { return seen_.back(); }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  Watch watch_{clock_, random_};
  std::map<std::string, std::string> listed_;
  std::vector<std::string> dead_, wild_;
  std::chrono::seconds ttl_{60};
  std::vector<Transition> seen_;
  std::size_t asked_ = 0;
};

TEST_F(WatchTest, TestsAZoneBeforeItsFirstQuestion) {
  const auto first = watch_.next();
  clock_.advance(1ms);
  const auto second = watch_.next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->name, "2.0.0.127.bl.example");
  EXPECT_EQ(second->name, "1.0.0.127.bl.example");
  clock_.advance(1h);
  EXPECT_FALSE(watch_.next()) << "its test is not answered";
  watch_.answered(*first, answer(first->name));
  note(watch_.answered(*second, answer(second->name)));
  EXPECT_EQ(last().kind, Kind::kZoneTrusted);
  EXPECT_EQ(watch_.next()->name, "1.2.0.192.bl.example");
}

TEST_F(WatchTest, BelievesAListingAtTheSecondLookAndItsEndLikewise) {
  run(2h);
  EXPECT_EQ(count(Kind::kListed), 0);
  listed_["1.2.0.192.bl.example"] = "127.0.0.4";
  run(66min);
  EXPECT_LE(count(Kind::kListed), 1);
  run(10min);
  ASSERT_EQ(count(Kind::kListed), 1);
  EXPECT_EQ(last().subject, Subject::of(ip("192.0.2.1")));
  EXPECT_EQ(last().zone, "bl.example");
  EXPECT_EQ(text_of(last().codes), "127.0.0.4");
  EXPECT_EQ(watch_.listings().size(), 1U);
  run(5h);
  EXPECT_EQ(count(Kind::kListed), 1) << "said once";
  listed_.erase("1.2.0.192.bl.example");
  run(80min);
  EXPECT_EQ(count(Kind::kDelisted), 1);
  EXPECT_TRUE(watch_.listings().empty());
}

TEST_F(WatchTest, ASlipOfOneLookIsNoListing) {
  run(10min);
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  const auto before = asked_;
  while (asked_ == before) run(1min);
  listed_.erase("1.2.0.192.bl.example");
  run(10h);
  EXPECT_EQ(count(Kind::kListed), 0);
}

TEST_F(WatchTest, AZoneThatAnswersForEverythingIsSetAsideAndTriedAgain) {
  wild_ = {"bl.example"};
  run(3h);
  EXPECT_EQ(count(Kind::kListed), 0);
  ASSERT_EQ(count(Kind::kZoneSetAside), 1) << "said once";
  EXPECT_THAT(last().why, HasSubstr("answer for everything"));
  EXPECT_EQ(watch_.zones()[0].state, ZoneState::kSetAside);
  wild_.clear();
  run(70min);
  EXPECT_EQ(last().kind, Kind::kZoneTrusted);
}

TEST_F(WatchTest, AZoneThatBeginsToAnswerForEverythingListsNobody) {
  put({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  run(2h);
  wild_ = {"bl.example"};
  run(20h);
  EXPECT_EQ(count(Kind::kListed), 0);
  EXPECT_EQ(count(Kind::kZoneSetAside), 1);
}

TEST_F(WatchTest, AZoneThatBeginsToAnswerForNothingDelistsNobody) {
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  run(1h);
  ASSERT_EQ(count(Kind::kListed), 1);
  listed_.clear();
  run(20h);
  EXPECT_EQ(count(Kind::kDelisted), 0);
  EXPECT_EQ(watch_.listings().size(), 1U);
  EXPECT_THAT(last().why, HasSubstr("answer for nothing"));
}

TEST_F(WatchTest, RefusalsAndSilenceAreNoListings) {
  run(1h);
  listed_["1.2.0.192.bl.example"] = "127.255.255.254";
  run(70min);
  EXPECT_GE(count(Kind::kZoneSetAside), 1);
  EXPECT_THAT(seen_[1].why, HasSubstr("refuses our questions with 127.255.255.254"));
  dead_ = {"bl.example"};
  run(5h);
  EXPECT_EQ(last().kind, Kind::kZoneSetAside);
  EXPECT_THAT(last().why, HasSubstr("does not answer"));
  EXPECT_EQ(count(Kind::kListed), 0);
}

TEST_F(WatchTest, TheFamiliesOfAZoneAreTrustedApart) {
  set({"bl.example families=both"});
  put({"192.0.2.1", "2001:db8::1"});
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  run(1h);
  EXPECT_EQ(count(Kind::kListed), 1);
  const auto zones = watch_.zones();
  ASSERT_EQ(zones.size(), 2U);
  EXPECT_EQ(zones[0].state, ZoneState::kTrusted);
  EXPECT_EQ(zones[1].state, ZoneState::kSetAside) << "it has no test entry for IPv6";
}

TEST_F(WatchTest, DomainsAreAskedForInZonesOfDomains) {
  listed_["test.dbl.example"] = "127.0.1.2";
  listed_["acme.example.dbl.example"] = "127.0.1.4";
  set({"bl.example", "dbl.example kind=domain"});
  put({"192.0.2.1", "acme.example"});
  run(1h);
  ASSERT_EQ(watch_.listings().size(), 1U);
  EXPECT_EQ(watch_.listings()[0].subject.text(), "acme.example");
  EXPECT_EQ(watch_.listings()[0].zone, "dbl.example");
}

TEST_F(WatchTest, AZoneOfPublicScopeIsNotAskedAboutPrivateNames) {
  set({"bl.example scope=public"});
  put({"10.0.0.1", "acme.test"});
  run(5h);
  EXPECT_EQ(asked_, 0U);
}

TEST_F(WatchTest, KeepsToTheRateOfAZone) {
  set({"bl.example rate=2"});
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  put(many);
  for (int second = 0; second < 600; ++second) {
    const auto before = asked_;
    for (int i = 0; i < 10; ++i) {
      pump();
      clock_.advance(100ms);
    }
    ASSERT_LE(asked_ - before, 3U);
  }
  EXPECT_GE(asked_, 700U) << "and uses it";
}

TEST_F(WatchTest, LooksAtEachPairOnceAnIntervalAndLaterWithALongerTtl) {
  run(1h);
  asked_ = 0;
  run(10h);
  EXPECT_NEAR(static_cast<double>(asked_), 10 + 2 * 10, 6) << "ten looks, ten tests of two questions";
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  ttl_ = 10h;
  run(3h);
  ASSERT_EQ(count(Kind::kListed), 1);
  run(12h);
  asked_ = 0;
  run(12h);
  EXPECT_NEAR(static_cast<double>(asked_), 3 + 2 * 12, 6) << "four times the interval at most";
}

TEST_F(WatchTest, WhoGoesIsForgottenAndSaidSo) {
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  run(1h);
  ASSERT_EQ(watch_.listings().size(), 1U);
  watch_.take_changes();
  put({"192.0.2.9"});
  EXPECT_EQ(last().kind, Kind::kForgotten);
  EXPECT_EQ(last().subject.text(), "192.0.2.1");
  const auto rows = watch_.take_changes();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].value, "");
  EXPECT_FALSE(watch_.is_watched(Subject::of(ip("192.0.2.1"))));
}

TEST_F(WatchTest, AZoneThatGoesTakesItsListingsAlong) {
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  run(1h);
  sound("other.example");
  set({"other.example"});
  EXPECT_EQ(last().kind, Kind::kForgotten);
  EXPECT_TRUE(watch_.listings().empty());
  run(1h);
  EXPECT_EQ(last().kind, Kind::kZoneTrusted);
}

TEST_F(WatchTest, ZonesThatStayKeepTheirListings) {
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  run(1h);
  sound("other.example");
  set({"other.example", "bl.example rate=1000"});
  EXPECT_EQ(watch_.listings().size(), 1U);
  EXPECT_EQ(count(Kind::kForgotten), 0);
}

TEST_F(WatchTest, ComesBackAfterARestartAsItWas) {
  listed_["1.2.0.192.bl.example"] = "127.0.0.4";
  run(1h);
  const auto rows = watch_.take_changes();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(watch_.take_changes().empty());

  Watch second{clock_, random_};
  WatchSettings settings;
  settings.zones = {*parse_zone("bl.example rate=1000")};
  second.set_settings(settings);
  EXPECT_FALSE(second.restore(rows[0].key, rows[0].value)) << "its subject is not watched";
  second.set_subjects({Subject::of(ip("192.0.2.1"))});
  EXPECT_TRUE(second.restore(rows[0].key, rows[0].value));
  ASSERT_EQ(second.listings().size(), 1U);
  EXPECT_EQ(text_of(second.listings()[0].codes), "127.0.0.4");
  EXPECT_EQ(second.listings()[0].since, watch_.listings()[0].since);
  for (const auto* junk : {"", "x", "\x01", "\x02 12345678", "\x01 12345678ab"}) {
    EXPECT_FALSE(second.restore(rows[0].key, junk));
  }
  EXPECT_FALSE(second.restore("bl.example", rows[0].value));
}

TEST_F(WatchTest, AnswersOutOfTurnCountAsLooks) {
  run(1h);
  const auto questions = watch_.questions_now(Subject::of(ip("192.0.2.1")));
  ASSERT_EQ(questions.size(), 1U);
  EXPECT_TRUE(watch_.questions_now(Subject::of(ip("192.0.2.1"))).empty()) << "it is being asked";
  listed_["1.2.0.192.bl.example"] = "127.0.0.2";
  const auto reading = watch_.read(questions[0], answer(questions[0].name));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->judgement.verdict, Verdict::kListed);
  note(watch_.answered(questions[0], answer(questions[0].name)));
  EXPECT_EQ(count(Kind::kListed), 0);
  run(10min);
  EXPECT_EQ(count(Kind::kListed), 1) << "the second look comes within minutes";
}

TEST_F(WatchTest, TenThousandAddressesInTenZonesFitTheirRates) {
  std::vector<std::string> zones;
  for (int i = 0; i < 10; ++i) {
    zones.push_back("z" + std::to_string(i) + ".example rate=5");
    sound("z" + std::to_string(i) + ".example");
  }
  set(zones);
  std::vector<std::string> many;
  for (int i = 0; i < 10000; ++i) many.push_back("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  put(many);
  listed_["0.0.1.10.z3.example"] = "127.0.0.2";
  run(1h);
  EXPECT_EQ(watch_.listings().size(), 1U);
  EXPECT_LE(asked_, 10U * 5 * 3600 + 10);
  EXPECT_GE(asked_, 100'000U);
}

}  // namespace
}  // namespace bulkhead::listings

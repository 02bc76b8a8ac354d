// Weeks of mail: who is caught and when, and that nobody honest is quarantined. The table that is printed stands in
// docs/reputation.md.

#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/sim/reputation/world.h"

namespace bulkhead::reputation {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kMinutesADay = 1440;

bool is_office_time(int minute) {
  const int of_day = minute % kMinutesADay;
  return of_day >= 8 * 60 && of_day < 18 * 60 && minute / kMinutesADay % 7 < 5;
}

// Sends about `a_day` messages spread over office hours.
void work(World& world, Sender& sender, int minute, double a_day) {
  if (!is_office_time(minute)) return;
  double rate = a_day / 600;
  for (; rate >= 1; rate -= 1) world.send(sender);
  if (world.chance(rate)) world.send(sender);
}

std::string after(const Sender& sender, State state) {
  const auto found = sender.first.find(state);
  if (found == sender.first.end()) return "-";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(found->second - sender.began).count();
  if (sender.began == UtcTime{}) return "yes";
  return seconds < 7200 ? fmt::format("{} min", seconds / 60)
                        : fmt::format("{:.1f} h", static_cast<double>(seconds) / 3600);
}

void print_row(const Sender& sender) {
  const std::uint64_t out = sender.began == UtcTime{} ? sender.sent : sender.sent_since_began;
  std::printf("| %-28s | %8llu | %-8s | %-9s | %-11s |\n", sender.name.c_str(), static_cast<unsigned long long>(out),
              after(sender, State::kWatched).c_str(), after(sender, State::kThrottled).c_str(),
              after(sender, State::kQuarantined).c_str());
}

// Newsletters on Tuesdays at ten, 400 and 50 a minute; invitations on Wednesdays at nine, at once.
void send_weekly(World& world, const std::vector<Sender*>& letters, Sender& merge, int week_minute) {
  const auto send = [&world](Sender& sender, int messages) {
    for (int i = 0; i < messages; ++i) world.send(sender);
  };
  constexpr int kTuesday = kMinutesADay + 600, kWednesday = 2 * kMinutesADay + 540;
  if (week_minute >= kTuesday && week_minute < kTuesday + 20) send(*letters[0], 400);
  if (week_minute >= kTuesday && week_minute < kTuesday + 30) send(*letters[1], 50);
  if (week_minute == kWednesday) send(merge, 60);
}

// Chances differ; what is promised holds for all of them.
class ReputationChances : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Weeks, ReputationChances, testing::Range<std::uint64_t>(1, 21));

TEST_P(ReputationChances, CatchTheBadAndLeaveTheHonest) {
  World world{GetParam()};
  std::vector<Sender*> office, letters;
  for (int i = 0; i < 60; ++i) {
    office.push_back(&world.add("office", i % 3 == 0 ? world.tenant() : world.senders.back()->tenant, {0.01, 0.003}));
  }
  const TenantId shared_tenant = world.tenant();
  for (int i = 0; i < 20; ++i) {
    office.push_back(&world.add("office", shared_tenant, {0.01, 0.003}));
    office.back()->client = office[60]->client;  // behind one address
  }
  const TenantId letters_tenant = world.tenant();
  letters.push_back(&world.add("newsletter 8,000, plan bulk", letters_tenant, {0.012, 0.004, 0.001}, "bulk"));
  letters.push_back(&world.add("newsletter 1,500", world.tenant(), {0.01, 0.004, 0.001}));
  Sender& growing = world.add("growing tenant", world.tenant(), {0.008, 0.004, 0.0005});
  Sender& merge = world.add("60 invitations a week", world.tenant(), {0.02, 0.003});
  Sender& hacked = world.add("outbreak, 1,200 a minute", world.tenant(), {0.005, 0.003});
  Sender& slow = world.add("slow spammer, 150 a day", world.tenant(), {0.14, 0.05, 0.01, 0.01});
  Sender& clean_slow = world.add("slow spammer, good list", world.tenant(), {0.02, 0.02, 0.015, 0.003});
  for (Sender* bad : {&hacked, &slow, &clean_slow}) bad->is_honest = false;
  slow.began = clean_slow.began = world.clock.now();
  const UtcTime start = world.clock.now();
  const int outbreak = 10 * kMinutesADay + 600;
  hacked.began = start + minutes{outbreak};
  constexpr int kDays = 21;
  for (int minute = 0; minute < kDays * kMinutesADay; ++minute) {
    // A site dislikes the address for two working days.
    const int day = minute / kMinutesADay;
    world.sour_site = day == 14 || day == 15 ? "outlook.com" : "";
    for (std::size_t i = 0; i < office.size(); ++i) work(world, *office[i], minute, 5.0 + static_cast<double>(i % 40));
    send_weekly(world, letters, merge, minute % (7 * kMinutesADay));
    work(world, growing, minute, 50.0 * std::pow(1.1, minute / kMinutesADay));
    if (minute < outbreak) {
      work(world, hacked, minute, 20);
    } else if (minute < outbreak + 180) {
      for (int i = 0; i < 1200; ++i) world.send(hacked);
    }
    for (Sender* each : {&slow, &clean_slow}) {
      if (world.chance(150.0 / kMinutesADay)) world.send(*each);
    }
    world.minute();
  }
  const bool is_shown = GetParam() == 1;
  if (is_shown) std::printf("| sender                       | sent     | watched  | throttled | quarantined |\n");
  for (const auto& sender : world.senders) {
    if (is_shown && sender->name != "office") print_row(*sender);
    EXPECT_FALSE(sender->is_honest && world.was(*sender, State::kQuarantined)) << world.why(*sender);
    EXPECT_FALSE(sender->name == "office" && world.was(*sender, State::kThrottled));
  }
  for (const auto& decision : world.log) {
    if (decision.to == State::kQuarantined && decision.key.kind != KeyKind::kAccount) ADD_FAILURE() << decision.words;
    const bool is_office =
        decision.key == Key::tenant(shared_tenant) || decision.key == Key::client(office[60]->client);
    EXPECT_FALSE(is_office && decision.to >= State::kThrottled) << decision.words;
  }
  EXPECT_FALSE(world.was(growing, State::kThrottled));
  EXPECT_FALSE(world.was(*letters[0], State::kThrottled));
  EXPECT_TRUE(world.was(hacked, State::kQuarantined));
  EXPECT_LE(hacked.first[State::kThrottled] - hacked.began, minutes{1});
  EXPECT_LE(hacked.first[State::kQuarantined] - hacked.began, minutes{2});
  EXPECT_LE(hacked.sent_since_began, 200U);
  EXPECT_TRUE(world.was(slow, State::kQuarantined));
  EXPECT_LE(slow.first[State::kQuarantined] - slow.began, days{2});
  EXPECT_TRUE(world.was(clean_slow, State::kQuarantined));
}

TEST(ReputationWeeks, KeepABrokenReceiversBouncesFromItsSenders) {
  World world{7};
  std::vector<Sender*> office;
  for (int i = 0; i < 40; ++i) office.push_back(&world.add("office", world.tenant(), {0.005, 0.003}));
  for (int minute = 0; minute < 9 * kMinutesADay; ++minute) {
    const bool is_broken = minute >= 8 * kMinutesADay + 540 && minute < 8 * kMinutesADay + 900;
    world.broken_site = is_broken ? "google.com" : "";
    for (Sender* each : office) work(world, *each, minute, 100);
    world.minute();
  }
  std::size_t quarantined = 0, throttled = 0;
  for (const auto& sender : world.senders) {
    quarantined += world.was(*sender, State::kQuarantined) ? 1U : 0U;
    throttled += world.was(*sender, State::kThrottled) ? 1U : 0U;
  }
  std::printf(
      "a receiver of a fifth of all mail says 'no such user' to everybody for six hours: %zu of 40 throttled, %zu "
      "quarantined\n",
      throttled, quarantined);
  EXPECT_EQ(quarantined, 0U);
  EXPECT_EQ(throttled, 0U);
  EXPECT_EQ(world.decided(KeyKind::kAddress, State::kThrottled), 0U);
}

TEST(ReputationWeeks, StopPasswordGuessers) {
  World world{8};
  const auto guess = [&](IpAddress client, const std::string& name) {
    for (const auto& d : world.mind->signed_in({{.client = client}, name, false, false})) world.note(d);
    return world.mind->state_of(Key::client(client));
  };
  const auto guesser = IpAddress::v4({203, 0, 113, 1}), sprayer = IpAddress::v4({203, 0, 113, 2});
  const auto forgetful = IpAddress::v4({203, 0, 113, 3});
  int guesses = 0, sprays = 0;
  for (; guesses < 1000 && guess(guesser, "boss@a.example") != State::kQuarantined; ++guesses)
    world.clock.advance(std::chrono::seconds{10});
  for (; sprays < 1000 && guess(sprayer, fmt::format("user{}@a.example", sprays)) != State::kQuarantined; ++sprays) {
    world.clock.advance(minutes{10});
  }
  for (int i = 0; i < 15; ++i) guess(forgetful, "me@a.example");
  std::printf("a guesser every 10 s is stopped after %d guesses, a sprayer every 10 min after %d names\n", guesses + 1,
              sprays + 1);
  EXPECT_LE(guesses, 110);
  EXPECT_LE(sprays, 60);
  EXPECT_EQ(world.mind->state_of(Key::client(forgetful)), State::kNormal);
  EXPECT_EQ(world.decided(KeyKind::kAccount, State::kWatched), 0U) << "guessing must not lock anybody's account";
}

TEST(ReputationEvasion, ManyAccountsOfOneTenantAreSeenTogether) {
  World world{9};
  const TenantId tenant = world.tenant();
  for (int i = 0; i < 20; ++i) world.add("one of twenty", tenant, {0.5, 0});
  for (int minute = 0; minute < 60; ++minute) {
    for (const auto& sender : world.senders) {
      if (minute < 46) world.send(*sender);
    }
    world.minute();
  }
  EXPECT_GE(world.mind->state_of(Key::tenant(tenant)), State::kThrottled);
  EXPECT_LT(world.decided(KeyKind::kAddress, State::kThrottled), 1U) << "unknown recipients do not blame the address";
}

TEST(ReputationEvasion, ManyTenantsOfOneClientAreSeenTogether) {
  World world{10};
  const auto client = IpAddress::v4({203, 0, 113, 9});
  std::size_t turned = 0;
  for (int i = 0; i < 10; ++i) {
    Sender& sender = world.add("stolen", world.tenant(), {0.3, 0});
    sender.client = client;
    for (int n = 0; n < 400; ++n) world.send(sender);
    turned += world.was(sender, State::kThrottled) ? 1U : 0U;
    world.minute();
  }
  EXPECT_EQ(world.mind->state_of(Key::client(client)), State::kQuarantined);
  EXPECT_LE(turned, 3U) << "the others never got through";
}

TEST(ReputationEvasion, ABurstWithinAMillisecondIsCountedWhole) {
  World world{11};
  Sender& sender = world.add("burst", world.tenant(), {});
  for (int i = 0; i < 5000; ++i) world.send(sender);
  EXPECT_EQ(world.mind->state_of(Key::account(sender.account)), State::kQuarantined);
  EXPECT_LE(sender.sent, 81U);
}

TEST(ReputationEvasion, ClockStepsNeitherFreeNorCondemn) {
  World world{12};
  Sender& bad = world.add("bad", world.tenant(), {});
  Sender& good = world.add("good", world.tenant(), {});
  for (int i = 0; i < 5000; ++i) world.send(bad);
  world.send(good);
  for (const auto step : {hours{-1}, hours{120}, hours{-72}, hours{24 * 365 * 12}}) {
    world.clock.step(step);
    world.minute();
    world.send(good);
    EXPECT_EQ(world.mind->state_of(Key::account(bad.account)), State::kQuarantined);
    EXPECT_EQ(world.mind->state_of(Key::account(good.account)), State::kNormal);
  }
}

TEST(ReputationEvasion, RestartsInTheMiddleLoseNothing) {
  World whole{13}, torn{13};
  for (World* world : {&whole, &torn}) {
    Sender& sender = world->add("spammer", world->tenant(), {0.3, 0});
    sender.began = world->clock.now();
    for (int minute = 0; minute < 600; ++minute) {
      world->send(sender);
      world->minute();
      if (world == &torn && minute % 3 == 0) world->restart();
    }
  }
  EXPECT_EQ(torn.restore_faults, 0);
  const Sender &a = *whole.senders[0], &b = *torn.senders[0];
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.sent, b.sent);
  EXPECT_TRUE(whole.was(a, State::kQuarantined));
}

}  // namespace
}  // namespace bulkhead::reputation

// A whole day of a thousand tenants through limits, scheduler, gate and suspensions, by the injected clock: the same on
// each run, and each limit checked by a count of its own.

#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "netpolicy/limits/limiter.h"
#include "src/base/random.h"
#include "src/delivery/site_gate.h"
#include "src/queue/scheduler.h"
#include "tests/testlib/fake_directory.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using tenants::Limit;
using tenants::LimitScope;
using tenants::Rate;

// Whether what passed ever exceeded a rate: the same rule as the limiter's, worked out anew and without its code. A use
// of `n` at `now` is right when it fits behind all that came before, `burst` deep at most.
class Witness {
 public:
  explicit Witness(const Rate& rate) : cost_(nanoseconds{rate.period} / rate.count), depth_(cost_ * rate.burst) {}
  bool pass(UtcTime now, std::uint64_t n = 1) {
    full_ = std::max(full_, nanoseconds{now.time_since_epoch()}) + cost_ * n;
    // The limiter rounds a cost up; its own sum is never below this one.
    return full_ - nanoseconds{now.time_since_epoch()} <= depth_ + nanoseconds{1};
  }

 private:
  nanoseconds cost_, depth_;
  nanoseconds full_{0};
};

class LimitedDay {
 public:
  explicit LimitedDay(std::uint64_t seed) : random_(seed) {
    make_directory();
    scheduler_.set_gate(&gate_);
  }

  void step() {
    submit();
    if (random_.below(30) == 0) suspend_or_resume();
    scheduler_.run_timers();
    for (int burst = 0; burst < 3; ++burst) work();
    check();
    clock_.advance(seconds{1});
  }
  // Nobody sends any more, everybody is resumed; until nothing is left.
  bool drain() {
    is_drained_ = true;
    while (!suspended_.empty()) resume(*suspended_.begin());
    for (int i = 0; i < 200000 && scheduler_.size() > 0 && !testing::Test::HasFatalFailure(); ++i) step();
    return scheduler_.size() == 0;
  }

  std::uint64_t accepted = 0, refused = 0, paced = 0, delivered = 0, held_most = 0;
  std::uint64_t digest = 0;  // of all that happened, in order
  std::chrono::microseconds neighbour_longest{0};

 private:
  static constexpr int kTenants = 1000, kSites = 6, kThief = 7, kPaced = 8;
  // Site 0 takes ten messages a second of the whole node, site 1 one a second of each address.
  static Rate site_rate() { return {10, seconds{1}, 20}; }
  static Rate pair_rate() { return {60, minutes{1}, 30}; }
  static Rate account_rate() { return {120, hours{1}, 60}; }
  static std::string site(std::uint64_t n) { return "mx.site" + std::to_string(n) + ".example"; }
  struct Waiting {
    int owner;
    UtcTime since;
    Message message;
  };

  void make_directory() {
    for (int i = 0; i < kTenants; ++i) {
      const auto id = directory_.add_tenant(fmt::format("t{}", i));
      auto& tenant = directory_.rows.tenants.back();
      tenant.plan = tenants::Plan::kBulk;
      tenant.over_limit = i == kPaced ? tenants::OverLimit::kPace : tenants::OverLimit::kRefuse;
      directory_.add_domain(id, fmt::format("t{}.example", i));
      // Of private networks: nothing is warmed up.
      directory_.add_address(fmt::format("10.1.{}.{}", i / 250, i % 250 + 1), id, "");
      addresses_.push_back(directory_.rows.addresses.back().ip);
      directory_.add_account(fmt::format("a@t{}.example", i));
      accounts_.push_back(directory_.accounts.back());
    }
    const auto set = [this](LimitScope scope, std::string subject, const Rate& rate) {
      Limit limit;
      limit.scope = scope;
      limit.subject = std::move(subject);
      limit.messages = rate;
      directory_.rows.limits.push_back(std::move(limit));
    };
    set(LimitScope::kSite, site(0), site_rate());
    for (const int i : {kThief, kPaced}) {
      const auto& account = accounts_[static_cast<std::size_t>(i)];
      set(LimitScope::kAccount, tenants::limit_subject(account.id), account_rate());
      account_witness_.emplace(i, account_rate());
    }
    for (const auto& address : addresses_) {
      set(LimitScope::kAddressSite, tenants::limit_subject(address, site(1)), pair_rate());
      pair_witness_.emplace(address, pair_rate());
    }
    directory_.publish();
  }

  void submit() {
    if (is_drained_) return;
    for (int i = 0; i < 4; ++i) submit(static_cast<int>(random_.below(kTenants)));
    // A stolen password for an hour; somebody whose list is larger than his rate for another.
    const auto hour = (clock_.now() - start_) / hours{1};
    for (int i = 0; i < 20 && hour == 3; ++i) submit(kThief);
    for (int i = 0; i < 2 && hour == 5 && random_.below(10) == 0; ++i) submit(kPaced);
  }
  void submit(int owner) {
    const auto index = static_cast<std::size_t>(owner);
    netpolicy::Reservation reservation;
    const auto snapshot = directory_.snapshot();
    const auto admission =
        limiter_.reserve(reservation, {*snapshot, accounts_[index], addresses_[index]}, {1, 1, 4096});
    if (admission.is_refused()) {
      ++refused;
      return;
    }
    reservation.keep();
    ++accepted;
    if (const auto witness = account_witness_.find(owner); witness != account_witness_.end()) {
      ASSERT_TRUE(witness->second.pass(admission.not_before.value_or(clock_.now()))) << "over the account's limit";
    }
    Planned planned;
    planned.key = {MessageId::make(clock_, random_), 0};
    planned.lane = {accounts_[index].tenant, addresses_[index], site(random_.below(kSites))};
    planned.is_sole = true;
    planned.due = UtcTime::min();
    planned.expires_at = clock_.now() + hours{120};
    planned.keys.account = hash_.of_account(accounts_[index].id);
    Waiting waiting{owner, clock_.now(), {}};
    waiting.message.size = 4096;
    waiting.message.account = accounts_[index].id;
    if (admission.not_before) {
      ++paced;
      waiting.message.not_before = admission.not_before;
      waiting.message.wait_reason = admission.hit->text();
    }
    scheduler_.add(planned);
    waiting_.emplace(planned.key, std::move(waiting));
  }

  void suspend_or_resume() {
    if (is_drained_) return;
    const int owner = static_cast<int>(random_.below(kTenants));
    if (suspended_.contains(owner)) {
      resume(owner);
    } else {
      suspended_.insert(owner);
    }
  }
  void resume(int owner) {
    suspended_.erase(owner);
    resumed_at_[owner] = clock_.now();
    for (const auto& held : scheduler_.held_strands(100000)) {
      if (held.account == accounts_[static_cast<std::size_t>(owner)].id) scheduler_.release_strand(held);
    }
  }

  void work() {
    while (auto key = scheduler_.next_start()) workers_.push_back(std::move(*key));
    std::vector<LaneKey> still;
    for (auto& key : workers_) {
      const bool goes_on = serve(key);
      if (goes_on) {
        still.push_back(std::move(key));
      } else {
        scheduler_.worker_ended(key);
      }
    }
    workers_ = std::move(still);
  }
  bool serve(const LaneKey& key) {
    const auto taken = scheduler_.take(key);
    if (!taken) return false;
    attempt(*taken, key);
    return true;
  }
  void attempt(const Taken& taken, const LaneKey& key) {
    const auto found = waiting_.find(taken.key);
    ASSERT_NE(found, waiting_.end()) << "handed out after its end";
    Waiting& waiting = found->second;
    if (suspended_.contains(waiting.owner)) {
      Block block;
      block.code = "account-suspended";
      block.account = waiting.message.account;
      ASSERT_TRUE(scheduler_.hold_strand(taken.key, std::move(block)));
      return;
    }
    if (const auto pause = gate_.may_go({key, waiting.message, 1}).pause) {
      ASSERT_TRUE(scheduler_.pause(taken.key, *pause));
      return;
    }
    check_rates(key, waiting);
    gate_.answered(key, delivery::SiteGate::Answer::kTaken);
    const bool is_plain = !waiting.message.not_before && key.site == site(2) && taken.attempts == 0;
    if (is_plain && !was_held(waiting)) {
      neighbour_longest = std::max(neighbour_longest, clock_.now() - waiting.since);
    }
    ASSERT_TRUE(scheduler_.finish(taken.key));
    digest = (digest ^ std::hash<MessageId>{}(taken.key.message)) * 0x9E3779B97F4A7C15ULL;
    waiting_.erase(found);
    ++delivered;
  }
  // What was held tells nothing about fairness; nor does the thief's own.
  bool was_held(const Waiting& waiting) const {
    const auto resumed = resumed_at_.find(waiting.owner);
    return waiting.owner == kThief || (resumed != resumed_at_.end() && waiting.since <= resumed->second);
  }
  void check_rates(const LaneKey& key, const Waiting& waiting) {
    if (waiting.message.not_before) {
      ASSERT_GE(clock_.now(), *waiting.message.not_before) << "before its pace";
    }
    if (key.site == site(0)) {
      ASSERT_TRUE(site_witness_.pass(clock_.now())) << "over the site's rate";
    }
    if (key.site == site(1)) {
      ASSERT_TRUE(pair_witness_.at(key.arrival).pass(clock_.now())) << "over the pair's rate";
    }
  }
  void check() {
    ASSERT_EQ(scheduler_.size(), waiting_.size()) << "something was lost, or invented";
    ASSERT_EQ(scheduler_.counts().total(), waiting_.size());
    if (++steps_ % 60 == 0) {
      ASSERT_EQ(gate_.readings().connections, workers_.size()) << "a place was lost, or given twice";
    }
    held_most = std::max<std::uint64_t>(held_most, scheduler_.counts().held);
  }

  testlib::ManualClock clock_;
  const UtcTime start_ = clock_.now();
  SeededRandom random_;
  SeededRandom gate_random_{1};
  const AttributeHash hash_;
  testlib::FakeDirectory directory_;
  netpolicy::Limiter limiter_{clock_};
  delivery::SiteGate gate_{{directory_, limiter_, clock_, gate_random_}};
  Scheduler scheduler_{{.workers = 200, .workers_per_lane = 20}, clock_, hash_};
  std::vector<IpAddress> addresses_;
  std::vector<tenants::Account> accounts_;
  std::map<DeliveryKey, Waiting> waiting_;
  std::vector<LaneKey> workers_;
  std::set<int> suspended_;
  std::map<int, UtcTime> resumed_at_;
  std::map<int, Witness> account_witness_;
  std::unordered_map<IpAddress, Witness> pair_witness_;
  Witness site_witness_{site_rate()};
  std::uint64_t steps_ = 0;
  bool is_drained_ = false;
};

TEST(LimitedDay, NoLimitIsExceededNobodySuspendedSendsAndNothingIsLost) {
  LimitedDay day{11};
  for (int second = 0; second < 24 * 3600 && !testing::Test::HasFatalFailure(); ++second) day.step();
  ASSERT_TRUE(day.drain());
  EXPECT_EQ(day.accepted, day.delivered);
  EXPECT_GT(day.accepted, 340000U);
  EXPECT_GT(day.refused, 70000U) << "the thief's";
  EXPECT_GT(day.paced, 100U);
  EXPECT_GT(day.held_most, 100U);
  EXPECT_LE(day.neighbour_longest, seconds{5}) << "mail for a site without a limit waited behind limited mail";
}

TEST(LimitedDay, IsTheSameOnEachRun) {
  std::uint64_t digests[2] = {};
  for (auto& digest : digests) {
    LimitedDay day{3};
    for (int second = 0; second < 4 * 3600 && !testing::Test::HasFatalFailure(); ++second) day.step();
    ASSERT_TRUE(day.drain());
    digest = day.digest;
  }
  EXPECT_EQ(digests[0], digests[1]);
}

}  // namespace
}  // namespace bulkhead::queue

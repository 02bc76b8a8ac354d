// A day of a thousand tenants with orders, suspensions and limits: the same on each run, invariants after each step.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/queue/scheduler.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// Ten connections to each site over all tenants, as a limit of the node would have it.
class SitePlaces final : public Gate {
 public:
  StartAnswer may_start(const StartRequest& request) override {
    if (used[request.lane.site] >= kPlaces) return {false, std::nullopt};
    ++used[request.lane.site];
    return {};
  }
  void worker_ended(const LaneKey& lane) override { --used[lane.site]; }
  static constexpr std::uint32_t kPlaces = 10;
  std::map<std::string, std::uint32_t> used;
};

class OrderedDay {
 public:
  explicit OrderedDay(std::uint64_t seed) : random_(seed) { scheduler_.set_gate(&places_); }

  void step() {
    arrive();
    if (random_.below(60) == 0) order();
    scheduler_.run_timers();
    scheduler_.sweep(500);
    remove_doomed();
    for (int burst = 0; burst < 3; ++burst) work();
    check();
    clock_.advance(seconds{1});
  }
  bool drain() {
    is_drained_ = true;
    directives_.clear();
    publish();
    for (int i = 0; i < 100000 && scheduler_.size() > 0; ++i) step();
    return scheduler_.size() == 0;
  }

  std::uint64_t arrived = 0, delivered = 0, purged = 0, parked_most = 0;
  std::uint64_t digest = 0;  // of all that happened, in order

 private:
  static constexpr int kTenants = 1000;
  static TenantId tenant(int n) { return TenantId::from_bytes("tenant-" + std::to_string(100000000 + n)); }
  struct Waiting {
    int tenant;
    std::uint32_t epoch;
  };

  void arrive() {
    if (is_drained_) return;
    for (int i = 0; i < 8; ++i) add(static_cast<int>(random_.below(kTenants)));
    const bool is_outbreak = clock_.now() - start_ > hours{1} && clock_.now() - start_ < hours{2};
    for (int i = 0; is_outbreak && i < 20; ++i) add(0);
  }
  void add(int owner) {
    Planned planned;
    planned.key = {MessageId::make(clock_, random_), 0};
    planned.lane = {tenant(owner), IpAddress::v4({192, 0, 2, 1}), "site" + std::to_string(random_.below(5))};
    planned.is_sole = true;
    planned.due = UtcTime::min();
    planned.expires_at = clock_.now() + hours{120};
    planned.keys.account =
        hash_(AttributeKind::kAccount, std::to_string(owner) + "/" + std::to_string(random_.below(3)));
    planned.keys.sender = planned.keys.account + 1;
    planned.epoch = epoch_;
    scheduler_.add(planned);
    waiting_[planned.key] = {owner, epoch_};
    ++arrived;
  }
  // A hold, a release or a purge of one tenant; and at times the oldest order ends.
  void order() {
    if (is_drained_) return;
    Directive directive;
    directive.number = ++epoch_;
    const auto kind = random_.below(10);
    directive.action = kind < 5   ? DirectiveAction::kHold
                       : kind < 9 ? DirectiveAction::kRelease
                                  : DirectiveAction::kPurge;
    directive.and_future = directive.action == DirectiveAction::kHold && random_.below(2) == 0;
    directive.selector.tenant = tenant(static_cast<int>(random_.below(20)));
    directives_.push_back(directive);
    if (directives_.size() > 20) directives_.erase(directives_.begin());
    publish();
  }
  void publish() {
    scheduler_.set_directives(std::make_shared<const DirectiveSet>(directives_, hash_, DirectiveSet::SourceOf{}));
  }
  // What the orders in force say, worked out from the orders alone.
  DirectiveAction verdict(const Waiting& waiting) const {
    DirectiveAction last = DirectiveAction::kRelease;
    for (const auto& directive : directives_) {
      if (directive.selector.tenant != tenant(waiting.tenant) || !directive.means_epoch(waiting.epoch)) continue;
      if (directive.action == DirectiveAction::kPurge) return DirectiveAction::kPurge;
      last = directive.action;
    }
    return last;
  }
  void remove_doomed() {
    for (const auto& doomed : scheduler_.take_doomed(DirectiveAction::kPurge, 50)) {
      ASSERT_TRUE(waiting_.contains(doomed.key)) << "purged twice, or after its end";
      ASSERT_TRUE(scheduler_.finish_purged(doomed.key));
      waiting_.erase(doomed.key);
      ++purged;
      mix(doomed.key, 3);
    }
  }
  void work() {
    while (auto key = scheduler_.next_start()) workers_.push_back(std::move(*key));
    std::vector<LaneKey> still;
    for (auto& key : workers_) {
      const auto taken = scheduler_.take(key);
      if (!taken) {
        scheduler_.worker_ended(key);
        continue;
      }
      attempt(*taken);
      still.push_back(std::move(key));
    }
    workers_ = std::move(still);
  }
  void attempt(const Taken& taken) {
    const auto found = waiting_.find(taken.key);
    ASSERT_NE(found, waiting_.end()) << "handed out after its end";
    ASSERT_EQ(verdict(found->second), DirectiveAction::kRelease) << "handed out while an order says otherwise";
    if (random_.below(10) == 0 && !is_drained_) {
      const auto due = clock_.now() + seconds{300 + random_.below(600)};
      ASSERT_TRUE(scheduler_.reschedule(taken.key, static_cast<std::uint16_t>(taken.attempts + 1), due));
      return;
    }
    ASSERT_TRUE(scheduler_.finish(taken.key));
    waiting_.erase(found);
    ++delivered;
    mix(taken.key, 1);
  }
  void check() {
    ASSERT_EQ(scheduler_.size(), waiting_.size()) << "something was lost, or invented";
    ASSERT_EQ(scheduler_.counts().total() + scheduler_.doomed(), waiting_.size());
    for (const auto& [site, used] : places_.used) ASSERT_LE(used, SitePlaces::kPlaces);
    parked_most = std::max(parked_most, scheduler_.parked());
  }
  void mix(const DeliveryKey& key, std::uint64_t what) {
    digest = (digest ^ std::hash<MessageId>{}(key.message) ^ what) * 0x9E3779B97F4A7C15ULL;
  }

  testlib::ManualClock clock_;
  const UtcTime start_ = clock_.now();
  SeededRandom random_;
  const AttributeHash hash_;
  SitePlaces places_;
  Scheduler scheduler_{{.workers = 60, .workers_per_lane = 8}, clock_, hash_};
  std::map<DeliveryKey, Waiting> waiting_;
  std::vector<Directive> directives_;
  std::vector<LaneKey> workers_;
  std::uint32_t epoch_ = 0;
  bool is_drained_ = false;
};

TEST(OrderedDay, NothingHeldIsHandedOutNothingIsLostAndEachRunIsTheSame) {
  std::uint64_t digests[2] = {};
  for (auto& digest : digests) {
    OrderedDay day{7};
    for (int second = 0; second < 4 * 3600 && !testing::Test::HasFatalFailure(); ++second) day.step();
    ASSERT_TRUE(day.drain());
    EXPECT_EQ(day.arrived, day.delivered + day.purged);
    EXPECT_GT(day.purged, 10U);
    EXPECT_GT(day.parked_most, 10U);
    digest = day.digest;
  }
  EXPECT_EQ(digests[0], digests[1]);
}

// How many jobs the site takes until `count` of the good tenant are done, beside `backlog` of a bad one.
int rounds(int backlog, int accounts, int count) {
  testlib::ManualClock clock;
  SeededRandom random{3};
  const AttributeHash hash;
  Scheduler scheduler{{.workers = 4, .workers_per_lane = 4}, clock, hash};
  std::set<DeliveryKey> good;
  const auto add = [&](int owner, int account) {
    Planned planned;
    planned.key = {MessageId::make(clock, random), 0};
    planned.lane = {TenantId::from_bytes("tenant-" + std::to_string(100000000 + owner)), IpAddress::v4({192, 0, 2, 1}),
                    "site"};
    planned.due = UtcTime::min();
    planned.expires_at = clock.now() + hours{120};
    planned.keys.account = hash(AttributeKind::kAccount, std::to_string(owner) + "/" + std::to_string(account));
    scheduler.add(planned);
    if (owner == 1) good.insert(planned.key);
  };
  for (int i = 0; i < backlog; ++i) add(0, i % accounts);
  std::vector<LaneKey> workers;
  int round = 0;
  for (bool is_first = true; is_first || !good.empty(); ++round) {
    if (round == 5) {
      for (int i = 0; i < count; ++i) add(1, 0);
      is_first = false;
    }
    while (auto key = scheduler.next_start()) workers.push_back(*key);
    std::vector<LaneKey> still;
    for (const auto& key : workers) {
      const auto taken = scheduler.take(key);
      if (!taken) {
        scheduler.worker_ended(key);
        continue;
      }
      good.erase(taken->key);
      scheduler.finish(taken->key);
      still.push_back(key);
    }
    workers = std::move(still);
  }
  return round - 5;
}

TEST(Fairness, ABadTenantsBacklogCostsAnotherAtMostTwiceTheTime) {
  const int idle = rounds(0, 1, 10);
  EXPECT_LE(rounds(100000, 1, 10), 2 * idle + 2);
  EXPECT_LE(rounds(100000, 50, 10), 2 * idle + 2);
}

}  // namespace
}  // namespace bulkhead::queue

// A day of many tenants through the scheduler, the same every time: no threads, no I/O, invariants after each step.

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

class Day {
 public:
  explicit Day(std::uint64_t seed) : random_(seed), scheduler_(limits(), clock_) {}

  // One second of the day: mail arrives, workers work, sources come and go.
  void step() {
    arrive();
    if (random_.below(1200) == 0) toggle_source();
    scheduler_.run_timers();
    look_after();
    for (int burst = 0; burst < 4; ++burst) {
      start_workers();
      work();
    }
    check();
    clock_.advance(seconds{1});
  }
  // No more mail, every source present, until nothing is left.
  bool drain() {
    is_drained_ = true;
    missing_.clear();
    scheduler_.release_held();
    for (int i = 0; i < 200000 && scheduler_.size() > 0; ++i) step();
    return scheduler_.size() == 0;
  }

  std::uint64_t arrived = 0, delivered = 0, expired = 0;
  std::chrono::microseconds small_tenant_longest{0};

 private:
  static constexpr int kTenants = 40;
  static SchedulerLimits limits() { return {.workers = 60, .workers_per_lane = 8}; }
  static LaneKey lane(int tenant, int site) {
    return {TenantId::from_bytes("tenant-" + std::to_string(100000000 + tenant)), IpAddress::v4({192, 0, 2, 1}),
            "site" + std::to_string(site)};
  }

  void arrive() {
    if (is_drained_) return;
    // Tenant 0 is having an outbreak for two hours; the others send now and then.
    const bool is_outbreak = clock_.now() - start_ > hours{2} && clock_.now() - start_ < hours{4};
    if (is_outbreak) {
      for (int i = 0; i < 40; ++i) add(0);
    }
    if (random_.below(3) == 0) add(static_cast<int>(1 + random_.below(kTenants - 1)));
  }
  void add(int tenant) {
    Planned planned;
    planned.key = {MessageId::make(clock_, random_), 0};
    planned.lane = lane(tenant, static_cast<int>(random_.below(12)));
    planned.due = UtcTime::min();
    planned.expires_at = clock_.now() + hours{12};
    planned.is_sole = true;
    scheduler_.add(planned);
    waiting_[planned.key] = {tenant, clock_.now()};
    ++arrived;
  }
  void toggle_source() {
    const int tenant = static_cast<int>(random_.below(kTenants));
    if (missing_.erase(tenant) == 0) {
      missing_.insert(tenant);
    } else {
      scheduler_.release_held();
    }
  }
  void start_workers() {
    while (auto key = scheduler_.next_start()) workers_.push_back(std::move(*key));
  }
  void work() {
    std::vector<LaneKey> still;
    for (auto& key : workers_) {
      const auto taken = scheduler_.take(key);
      if (!taken) {
        scheduler_.worker_ended(key);
        continue;
      }
      EXPECT_TRUE(waiting_.contains(taken->key)) << "handed out after its end";
      attempt(*taken, key);
      still.push_back(std::move(key));
    }
    workers_ = std::move(still);
  }
  void attempt(const Taken& taken, const LaneKey& key) {
    const auto found = waiting_.find(taken.key);
    const int tenant = found->second.tenant;
    if (missing_.contains(tenant)) {
      EXPECT_TRUE(scheduler_.hold_lane(taken.key, "its address is missing"));
      held_lanes_.insert(key);
      return;
    }
    const auto answer = random_.below(100);
    if (answer < 2) {
      EXPECT_TRUE(scheduler_.put_back(taken.key));
    } else if (answer < 12 && !is_drained_) {
      const auto due = clock_.now() + seconds{300 + random_.below(600)};
      EXPECT_TRUE(scheduler_.reschedule(taken.key, static_cast<std::uint16_t>(taken.attempts + 1), due));
      due_[taken.key] = due;
    } else {
      // Only untouched mail tells about fairness: deferred, held and given back mail waits for other reasons.
      const bool is_fresh = taken.attempts == 0 && tenant != 0 && !held_lanes_.contains(key);
      if (is_fresh) small_tenant_longest = std::max(small_tenant_longest, clock_.now() - found->second.since);
      if (const auto due = due_.find(taken.key); due != due_.end()) {
        EXPECT_GE(clock_.now(), due->second) << "tried before its time";
        due_.erase(due);
      }
      EXPECT_TRUE(scheduler_.finish(taken.key));
      waiting_.erase(found);
      ++delivered;
    }
  }
  void look_after() {
    while (const auto taken = scheduler_.next_overdue()) {
      ASSERT_TRUE(taken->is_expired);
      ASSERT_GE(clock_.now() - waiting_.at(taken->key).since, hours{12}) << "expired too early";
      ASSERT_TRUE(scheduler_.finish(taken->key));
      waiting_.erase(taken->key);
      due_.erase(taken->key);
      ++expired;
    }
  }
  void check() {
    const StateCounts counts = scheduler_.counts();
    ASSERT_EQ(scheduler_.size(), waiting_.size()) << "something was lost, or invented";
    ASSERT_EQ(counts.ready + counts.active + counts.scheduled + counts.held, waiting_.size());
    ASSERT_EQ(counts.active, 0U);
    ASSERT_LE(scheduler_.workers(), limits().workers);
    std::map<LaneKey, std::uint32_t> per_lane;
    for (const auto& key : workers_) ASSERT_LE(++per_lane[key], limits().workers_per_lane);
    ASSERT_EQ(workers_.size(), scheduler_.workers());
    if (++steps_ % 600 == 0) check_tenants(counts);
  }
  void check_tenants(const StateCounts& whole) {
    StateCounts sum;
    for (int tenant = 0; tenant < kTenants; ++tenant) {
      const auto counts = scheduler_.counts(lane(tenant, 0).tenant);
      sum.ready += counts.ready;
      sum.scheduled += counts.scheduled;
      sum.held += counts.held;
    }
    ASSERT_EQ(sum, whole);
    scheduler_.visit([this](const DeliveryStatus& status) {
      ASSERT_TRUE(waiting_.contains(status.key));
      if (status.state == DeliveryState::kScheduled) {
        ASSERT_GT(status.due, clock_.now() - seconds{2});
      }
    });
  }

  struct Waiting {
    int tenant;
    UtcTime since;
  };
  testlib::ManualClock clock_;
  const UtcTime start_ = clock_.now();
  SeededRandom random_;
  Scheduler scheduler_;
  std::map<DeliveryKey, Waiting> waiting_;
  std::map<DeliveryKey, UtcTime> due_;
  std::vector<LaneKey> workers_;
  std::set<int> missing_;
  std::set<LaneKey> held_lanes_;
  std::uint64_t steps_ = 0;
  bool is_drained_ = false;
};

TEST(SchedulerDay, NothingIsLostNobodyStarvesAndLimitsHold) {
  for (const std::uint64_t seed : {1U, 2U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Day day{seed};
    for (int second = 0; second < 24 * 3600 && !testing::Test::HasFatalFailure(); ++second) day.step();
    ASSERT_TRUE(day.drain());
    EXPECT_EQ(day.arrived, day.delivered + day.expired);
    EXPECT_GT(day.arrived, 300000U);
    EXPECT_GT(day.delivered, 250000U);
    EXPECT_LE(day.small_tenant_longest, seconds{10}) << "a small tenant waited behind the outbreak";
  }
}

}  // namespace
}  // namespace bulkhead::queue

// Which lane gets a worker: tenants take turns, and lanes within a tenant take turns.

#include <algorithm>

#include "src/base/check.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

// Starts per turn. Equal for all; a tenant with a larger share would get a larger one.
constexpr std::int64_t kQuantum = 1;
constexpr std::int64_t kStartCost = 1;

}  // namespace

std::uint32_t Scheduler::worker_limit(const Lane& lane) const {
  return lane.is_local() ? limits_.workers_per_local_lane : limits_.workers_per_lane;
}

bool Scheduler::wants_worker(const Lane& lane) const {
  if (lane.is_held || lane.ready == 0 || lane.workers >= worker_limit(lane)) return false;
  const UtcTime now = clock_.now();
  if (now < lane.paused_until) return false;
  const bool is_stalled = now - lane.last_take >= limits_.stall;
  return lane.workers == 0 || lane.ready > lane.workers * limits_.backlog_per_worker || is_stalled;
}

void Scheduler::list(Lane& lane) {
  if (lane.is_listed) return;
  lane.is_listed = true;
  backlog_.push_back(&lane);
}

// Puts the lane in its tenant's line, and the tenant in the round, when it wants a worker and does not stand there.
void Scheduler::consider(Lane& lane) {
  if (lane.ready > 0) list(lane);
  if (lane.is_waiting || !wants_worker(lane)) return;
  lane.is_waiting = true;
  TenantShare& tenant = *lane.tenant;
  tenant.waiting.push_back(&lane);
  if (tenant.is_in_round) return;
  tenant.is_in_round = true;
  if (tenant.workers == 0) ++contenders_;
  round_.push_back(&tenant);
}

void Scheduler::drop_from_round(TenantShare& tenant) {
  round_.erase(std::find(round_.begin(), round_.end(), &tenant));
  tenant.is_in_round = false;
  tenant.deficit = 0;
  if (tenant.workers == 0) --contenders_;
}

void Scheduler::change_workers(Lane& lane, int change) {
  TenantShare& tenant = *lane.tenant;
  const auto add = static_cast<std::uint32_t>(change);  // wraps around for -1, as unsigned arithmetic does
  const bool was_contender = tenant.workers > 0 || tenant.is_in_round;
  lane.workers += add;
  tenant.workers += add;
  workers_ += add;
  const bool is_contender = tenant.workers > 0 || tenant.is_in_round;
  if (is_contender && !was_contender) ++contenders_;
  if (!is_contender && was_contender) --contenders_;
}

// The tenant's next lane that still wants a worker; those that no longer do leave the line.
Lane* Scheduler::next_waiting(TenantShare& tenant) {
  while (!tenant.waiting.empty()) {
    Lane* lane = tenant.waiting.front();
    tenant.waiting.pop_front();
    lane->is_waiting = false;
    if (wants_worker(*lane)) return lane;
    if (lane->is_unused()) list(*lane);  // dropping it here could take the tenant with it
  }
  return nullptr;
}

std::optional<LaneKey> Scheduler::next_start() {
  while (!is_stopped_ && workers_ < limits_.workers && !round_.empty()) {
    TenantShare& tenant = *round_.front();
    if (tenant.deficit < kStartCost) tenant.deficit += kQuantum;
    Lane* lane = next_waiting(tenant);
    if (lane == nullptr) {
      drop_from_round(tenant);
      continue;
    }
    tenant.deficit -= kStartCost;
    change_workers(*lane, +1);
    lane->last_take = clock_.now();
    if (wants_worker(*lane)) {
      lane->is_waiting = true;
      tenant.waiting.push_back(lane);
    }
    if (tenant.waiting.empty()) {
      drop_from_round(tenant);
    } else if (tenant.deficit < kStartCost) {
      round_.pop_front();
      round_.push_back(&tenant);
    }
    return lane->key;
  }
  return std::nullopt;
}

void Scheduler::worker_ended(const LaneKey& key) {
  Lane* lane = find_lane(key);
  BULKHEAD_CHECK(lane != nullptr && lane->workers > 0);
  change_workers(*lane, -1);
  stop_yielding(*lane);
  consider(*lane);
  drop_if_unused(*lane);
}

void Scheduler::stop_yielding(Lane& lane) {
  if (!lane.is_yielding) return;
  lane.is_yielding = false;
  --yielding_;
}

// A worker gives way at the end of its job when all workers are busy, another tenant waits for one, and its own
// tenant has more than an equal share. Only as many lanes give way at once as tenants wait. The lane stays dry until
// one of its workers has ended: a worker may ask several times before it does.
bool Scheduler::must_yield(Lane& lane) {
  const TenantShare& tenant = *lane.tenant;
  const bool is_alone = round_.empty() || (round_.size() == 1 && round_.front() == &tenant);
  if (workers_ < limits_.workers || is_alone) {
    stop_yielding(lane);
    return false;
  }
  if (lane.is_yielding) return true;
  const std::uint32_t share = (limits_.workers + contenders_ - 1) / std::max<std::uint32_t>(contenders_, 1);
  if (yielding_ >= round_.size() || tenant.workers <= std::max<std::uint32_t>(share, 1)) return false;
  lane.is_yielding = true;
  ++yielding_;
  return true;
}

}  // namespace bulkhead::queue

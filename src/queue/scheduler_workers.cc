// Which lane gets a worker: tenants take turns, accounts within a tenant, and lanes within an account; and what the
// worker gets.

#include <algorithm>

#include "src/base/check.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

// Starts per turn. Equal for all; a tenant with a larger share would get a larger one.
constexpr std::int64_t kQuantum = 1;
constexpr std::int64_t kStartCost = 1;

constexpr std::size_t kRefusedAtOnce = 8;  // lanes of one site
constexpr std::size_t kRefusedForOne = 2;  // when one place has come free: the first may not be let in

constexpr std::size_t kDisplacedAtOnce = 1000;  // by what orders say, before a worker that asks for a job gets none

}  // namespace

std::uint32_t Scheduler::worker_limit(const Lane& lane) const {
  return lane.is_local() ? limits_.workers_per_local_lane : limits_.workers_per_lane;
}

bool Scheduler::wants_worker(const Lane& lane) const {
  const std::uint32_t open = lane.open();
  if (open == 0 || lane.workers >= worker_limit(lane)) return false;
  const UtcTime now = clock_.now();
  if (now < lane.paused_until) return false;
  const bool is_stalled = now - lane.last_take >= limits_.stall;
  return lane.workers == 0 || open > lane.workers * limits_.backlog_per_worker || is_stalled;
}

void Scheduler::list(Lane& lane) {
  if (lane.is_listed) return;
  lane.is_listed = true;
  backlog_.push_back(&lane);
}

// Puts the lane in its tenant's line, and the tenant in the round, when it wants a worker and does not stand there.
void Scheduler::consider(Lane& lane) {
  if (lane.ready > 0) list(lane);
  if (lane.is_waiting || lane.is_refused || !wants_worker(lane)) return;
  TenantShare& tenant = *lane.tenant;
  wait_in_line(tenant, lane);
  if (tenant.is_in_round) return;
  tenant.is_in_round = true;
  if (tenant.workers == 0) ++contenders_;
  round_.push_back(&tenant);
}

// The lane waits on behalf of the account whose turn it is in it.
void Scheduler::wait_in_line(TenantShare& tenant, Lane& lane) {
  lane.is_waiting = true;
  lane.next_waiting = nullptr;
  const AttributeRef account = lane.round_head == nullptr ? kNoAttribute : lane.round_head->account;
  const auto [found, is_new] = tenant.lines.try_emplace(account);
  AccountLine& line = found->second;
  (line.head == nullptr ? line.head : line.tail->next_waiting) = &lane;
  line.tail = &lane;
  if (!is_new) return;
  line.account = account;
  (tenant.line_head == nullptr ? tenant.line_head : tenant.line_tail->next) = &line;
  tenant.line_tail = &line;
}

// The tenant's next lane that still wants a worker, of the account whose turn it is; those that no longer do leave
// the line.
Lane* Scheduler::next_waiting(TenantShare& tenant) {
  while (tenant.line_head != nullptr) {
    AccountLine& line = *tenant.line_head;
    Lane* lane = line.head;
    line.head = lane->next_waiting;
    lane->next_waiting = nullptr;
    lane->is_waiting = false;
    tenant.line_head = line.next;
    if (tenant.line_head == nullptr) tenant.line_tail = nullptr;
    line.next = nullptr;
    if (line.head != nullptr) {
      (tenant.line_head == nullptr ? tenant.line_head : tenant.line_tail->next) = &line;
      tenant.line_tail = &line;
    } else {
      const AttributeRef account = line.account;
      tenant.lines.erase(account);
    }
    if (wants_worker(*lane)) return lane;
    if (lane->is_unused()) list(*lane);  // dropping it here could take the tenant with it
  }
  return nullptr;
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

std::optional<LaneKey> Scheduler::next_start() {
  while (!is_stopped_ && workers_ < limits_.workers && !round_.empty()) {
    TenantShare& tenant = *round_.front();
    if (tenant.deficit < kStartCost) tenant.deficit += kQuantum;
    Lane* lane = next_waiting(tenant);
    if (lane == nullptr) {
      drop_from_round(tenant);
      continue;
    }
    const bool is_started = !is_refused(*lane);
    if (is_started) {
      tenant.deficit -= kStartCost;
      change_workers(*lane, +1);
      lane->last_take = clock_.now();
      if (wants_worker(*lane)) wait_in_line(tenant, *lane);
    }
    if (tenant.line_head == nullptr) {
      drop_from_round(tenant);
    } else if (tenant.deficit < kStartCost) {
      round_.pop_front();
      round_.push_back(&tenant);
    }
    if (is_started) return lane->key;
  }
  return std::nullopt;
}

std::optional<Taken> Scheduler::take(const LaneKey& key, bool is_ahead) {
  Lane* lane = find_lane(key);
  if (lane == nullptr || is_stopped_ || lane->open() == 0) return std::nullopt;
  const UtcTime now = clock_.now();
  if (now < lane->paused_until) return std::nullopt;
  if (must_yield(*lane, is_ahead)) return std::nullopt;
  const Slot slot = next_of(*lane, kDisplacedAtOnce);
  if (slot == kNoSlot) {
    // What is left of it is for the sweep, which gives others their turns.
    if (lane->open() > 0) pause_lane_for_sweep(*lane);
    return std::nullopt;
  }
  lane->last_take = now;
  ++lane->taken_in_turn;
  return activate(slot);
}

// The strands of a lane take turns. Those that have run dry, or are blocked meanwhile, leave the round here. Nothing
// also when so many had to be put aside first.
Slot Scheduler::next_of(Lane& lane, std::size_t displaced_max) {
  std::size_t displaced = 0;
  while (lane.round_head != nullptr && displaced < displaced_max) {
    Strand& strand = *lane.round_head;
    lane.round_head = strand.next;
    if (lane.round_head == nullptr) lane.round_tail = nullptr;
    strand.next = nullptr;
    strand.is_in_round = false;
    const Slot slot = strand.block ? kNoSlot : strand.head;
    if (slot == kNoSlot) {
      drop_strand_if_unused(strand);
      continue;
    }
    const bool is_displaced = is_sweeping() && intercept(slot);
    if (is_displaced || table_[slot].next != kNoSlot) join_round(strand);
    if (!is_displaced) return slot;
    ++displaced;
  }
  return kNoSlot;
}

void Scheduler::join_round(Strand& strand) {
  if (strand.is_in_round || strand.block || strand.head == kNoSlot) return;
  Lane& lane = *strand.lane;
  strand.is_in_round = true;
  strand.next = nullptr;
  (lane.round_tail == nullptr ? lane.round_head : lane.round_tail->next) = &strand;
  lane.round_tail = &strand;
}

// Asks the gate. A lane that must wait for a place stands in the line of its site; one that must wait for a time is
// paused.
bool Scheduler::is_refused(Lane& lane) {
  if (gate_ == nullptr) return false;
  const StartAnswer answer = gate_->may_start({lane.key, lane.workers, lane.open()});
  if (answer.is_allowed) return false;
  if (answer.pause) {
    pause_lane(lane, *answer.pause);
  } else {
    lane.is_refused = true;
    refused_[lane.site].push_back(&lane);
  }
  return true;
}

// Places at the site may have come free: those of its lanes that have waited the longest are asked about again.
void Scheduler::ask_refused(AttributeRef site, std::size_t count) {
  const auto found = refused_.find(site);
  if (found == refused_.end()) return;
  for (count = std::min(count, found->second.size()); count > 0; --count) {
    Lane& lane = *found->second.front();
    found->second.pop_front();
    lane.is_refused = false;
    consider(lane);
    if (lane.is_unused()) list(lane);
  }
  if (found->second.empty()) refused_.erase(found);
}

// Places may have come free on other shards, and who waits only counts while it asks.
void Scheduler::ask_all_refused() {
  std::vector<AttributeRef> sites;
  for (const auto& [site, lanes] : refused_) sites.push_back(site);
  for (const AttributeRef site : sites) ask_refused(site, kRefusedAtOnce);
}

void Scheduler::worker_ended(const LaneKey& key) {
  Lane* lane = find_lane(key);
  BULKHEAD_CHECK(lane != nullptr && lane->workers > 0);
  change_workers(*lane, -1);
  stop_yielding(*lane);
  if (gate_ != nullptr) {
    gate_->worker_ended(key);
    ask_refused(lane->site, kRefusedForOne);  // before this lane, which has just had its turn
  }
  consider(*lane);
  drop_if_unused(*lane);
}

void Scheduler::stop_yielding(Lane& lane) {
  lane.taken_in_turn = 0;
  if (!lane.is_yielding) return;
  lane.is_yielding = false;
  --yielding_;
}

// Whether a worker of this lane is needed by another tenant, or by another lane of its own that has none.
bool Scheduler::gives_way(const Lane& lane) const {
  const TenantShare& tenant = *lane.tenant;
  const bool is_alone = round_.size() == 1 && round_.front() == &tenant;
  if (!is_alone) {
    const std::uint32_t share = (limits_.workers + contenders_ - 1) / std::max<std::uint32_t>(contenders_, 1);
    if (tenant.workers > std::max<std::uint32_t>(share, 1)) return true;
  }
  const bool has_had_its_turn = lane.workers > 1 || is_alone;
  return has_had_its_turn && lane.taken_in_turn >= limits_.jobs_per_turn;
}

// A worker gives way at the end of its job when all workers are busy, another tenant waits for one, and its own
// tenant has more than an equal share; or when it has had its turn and lanes beside it wait. Only as many lanes give
// way at once as tenants wait. The lane stays dry until one of its workers has ended: a worker may ask several times
// before it does.
bool Scheduler::must_yield(Lane& lane, bool is_ahead) {
  if (gate_ != nullptr && gate_->must_yield(lane.key, is_ahead)) return true;
  if (workers_ < limits_.workers || round_.empty()) {
    if (lane.is_yielding) stop_yielding(lane);
    return false;
  }
  if (lane.is_yielding) return true;
  if (yielding_ >= round_.size() || !gives_way(lane)) return false;
  if (is_ahead) return true;
  lane.is_yielding = true;
  ++yielding_;
  return true;
}

}  // namespace bulkhead::queue

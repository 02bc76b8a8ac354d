// Lanes and strands that wait: for a source address, for a tenant or an account, for a limit.

#include <algorithm>

#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::microseconds kReleaseSpread{800000};  // released lanes start within this time
constexpr std::chrono::microseconds kReleaseStep{2000};      // and not closer than this while there are few
constexpr std::chrono::microseconds kSweepRest{10000};

}  // namespace

bool Scheduler::hold_lane(const DeliveryKey& key, std::string reason, std::string code,
                          std::vector<IpAddress> sources) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].strand->lane;
  lane.unsent = 0;
  const UtcTime now = clock_.now();
  const UtcTime since = lane.is_held ? lane.block->since : now;
  auto block = std::make_unique<Block>();
  block->code = std::move(code);
  block->reason = std::move(reason);
  block->since = since;
  block->sources = std::move(sources);
  block->look_again = now + limits_.hold_review;
  set_block(lane, std::move(block));
  set_held(lane, true);
  resume(slot, Position::kFront);
  return true;
}

bool Scheduler::hold_strand(const DeliveryKey& key, Block block) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Strand& strand = *table_[slot].strand;
  block.since = strand.block && strand.block->is_held() ? strand.block->since : clock_.now();
  block.until = kNever;
  set_block(strand, std::make_unique<Block>(std::move(block)));
  resume(slot, Position::kFront);
  return true;
}

bool Scheduler::pause(const DeliveryKey& key, const Pause& pause) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].strand->lane;
  lane.unsent = 0;
  Position position = Position::kFront;
  if (pause.scope == Pause::Scope::kLane) {
    pause_lane(lane, pause);
  } else {
    const Strand* const before = table_[slot].strand;
    const bool is_part = pause.scope == Pause::Scope::kPart;
    Strand& strand = is_part ? move_to_part(slot, hash_(AttributeKind::kSender, pause.part)) : *table_[slot].strand;
    if (&strand != before) position = Position::kBack;  // what moved there earlier is older
    auto block = std::make_unique<Block>();
    block->code = pause.code;
    block->reason = pause.text;
    block->since = clock_.now();
    block->until = block->since + pause.wait;
    wake_at(block->until, lane, &strand);
    set_block(strand, std::move(block));
  }
  resume(slot, position);
  return true;
}

// Of a delivery that is in no state. The strand that it leaves may go.
Strand& Scheduler::move_to_part(Slot slot, std::uint64_t part) {
  Strand& from = *table_[slot].strand;
  if (from.part == part) return from;
  Strand& to = open_strand(*from.lane, from.account, part);
  table_[slot].strand = &to;
  ++to.members, --from.members;
  drop_strand_if_unused(from);
  return to;
}

void Scheduler::pause_lane(Lane& lane, const Pause& pause) {
  const UtcTime now = clock_.now();
  lane.paused_until = std::max(lane.paused_until, now + pause.wait);
  wake_at(lane.paused_until, lane, nullptr);
  if (lane.is_held) return;
  auto block = std::make_unique<Block>();
  block->code = pause.code;
  block->reason = pause.text;
  block->since = now;
  block->until = lane.paused_until;
  set_block(lane, std::move(block));
}

// In no list: what it waits for is a moment of this shard.
void Scheduler::pause_lane_for_sweep(Lane& lane) {
  lane.paused_until = std::max(lane.paused_until, clock_.now() + kSweepRest);
  wake_at(lane.paused_until, lane, nullptr);
}

void Scheduler::recount_ready(Lane& lane, const StateCounts& before) {
  const StateCounts now = lane.ready_counts();
  counts_.move(before, now);
  lane.tenant->counts.move(before, now);
}

void Scheduler::set_held(Lane& lane, bool is_held) {
  const StateCounts before = lane.ready_counts();
  lane.is_held = is_held;
  recount_ready(lane, before);
}

void Scheduler::set_block(Lane& lane, std::unique_ptr<Block> block) {
  const StateCounts before = lane.ready_counts();
  lane.block = std::move(block);
  recount_ready(lane, before);
}

// Blocks a strand, changes why it is blocked, or (null) lets it go on.
void Scheduler::set_block(Strand& strand, std::unique_ptr<Block> block) {
  Lane& lane = *strand.lane;
  const StateCounts before = lane.ready_counts();
  if (strand.block) lane.blocked -= strand.ready;
  if (strand.block && strand.block->is_held()) lane.strand_held -= strand.ready;
  if (block) lane.blocked += strand.ready;
  if (block && block->is_held()) lane.strand_held += strand.ready;
  strand.block = std::move(block);
  recount_ready(lane, before);
  join_round(strand);
}

void Scheduler::wake_at(UtcTime at, Lane& lane, Strand* strand) {
  WakingPlace& waking = strand == nullptr ? lane.waking : strand->waking;
  if (waking && (*waking)->first <= at) return;  // it looks again at its time, and waits on if need be
  forget_waking(waking);
  waking = waking_.emplace(at, Waking{&lane, strand});
}

void Scheduler::forget_waking(WakingPlace& waking) {
  if (waking) waking_.erase(*waking);
  waking.reset();
}

std::size_t Scheduler::release_held(const std::function<bool(const Lane&)>& may_go) {
  std::vector<Lane*> lanes;
  for (const auto& lane : lanes_) {
    if (lane->is_held && !lane->is_waking && (!may_go || may_go(*lane))) lanes.push_back(lane.get());
  }
  if (lanes.empty()) return 0;
  const auto step = std::min(kReleaseStep, kReleaseSpread / static_cast<std::int64_t>(lanes.size()));
  UtcTime at = clock_.now();
  for (Lane* lane : lanes) {
    lane->is_waking = true;
    wake_at(at, *lane, nullptr);
    at += step;
  }
  return lanes.size();
}

void Scheduler::wake(UtcTime now) {
  while (!waking_.empty() && waking_.begin()->first <= now) {
    const Waking waking = waking_.begin()->second;
    Lane& lane = *waking.lane;
    forget_waking(waking.strand == nullptr ? lane.waking : waking.strand->waking);
    if (Strand* strand = waking.strand; strand != nullptr) {
      if (strand->block && strand->block->until <= now) set_block(*strand, nullptr);
      if (strand->block && !strand->block->is_held()) wake_at(strand->block->until, lane, strand);
      drop_strand_if_unused(*strand);
    } else {
      wake_lane(lane);
    }
    consider(lane);
    drop_if_unused(lane);
  }
}

// Its release has come, or the end of a pause.
void Scheduler::wake_lane(Lane& lane) {
  const bool is_released = lane.is_held && std::exchange(lane.is_waking, false);
  lane.is_waking = false;
  if (is_released) {
    set_held(lane, false);
    released_.push_back(lane.key);
  }
  if (lane.is_held) return;
  if (lane.paused_until > clock_.now()) return wake_at(lane.paused_until, lane, nullptr);
  set_block(lane, nullptr);
}

void Scheduler::try_again(const std::function<bool(const Lane&)>& matches) {
  if (gate_ == nullptr) return;
  std::vector<Lane*> meant;
  for (const auto& lane : lanes_) {
    if (matches(*lane)) meant.push_back(lane.get());
  }
  const UtcTime now = clock_.now();
  for (Lane* lane : meant) {
    gate_->try_again(lane->key);
    if (lane->paused_until <= now) continue;
    lane->paused_until = now;
    if (!lane->is_held) set_block(*lane, nullptr);
    consider(*lane);
  }
}

void Scheduler::lift_limit_pauses() {
  const auto is_limit = [](const std::unique_ptr<Block>& block) {
    return block && !block->is_held() && (block->code == "limit" || block->code == "warm-up");
  };
  const UtcTime now = clock_.now();
  for (const auto& lane : lanes_) {
    const bool is_paused = !lane->is_held && is_limit(lane->block);
    if (lane->blocked == 0 && !is_paused) continue;
    if (is_paused) {
      lane->paused_until = now;
      set_block(*lane, nullptr);
    }
    for (const auto& strand : lane->strands) {
      if (is_limit(strand->block)) set_block(*strand, nullptr);
    }
    consider(*lane);
  }
}

std::vector<LaneKey> Scheduler::released() {
  return std::exchange(released_, {});
}

std::vector<Scheduler::HeldStrand> Scheduler::held_strands(std::size_t limit) const {
  std::vector<HeldStrand> held;
  for (const auto& lane : lanes_) {
    if (lane->strand_held == 0) continue;
    for (const auto& strand : lane->strands) {
      if (held.size() == limit) return held;
      if (strand->block && strand->block->account)
        held.push_back({lane->key, strand->account, *strand->block->account});
    }
  }
  return held;
}

void Scheduler::release_strand(const HeldStrand& held) {
  Lane* lane = find_lane(held.lane);
  if (lane == nullptr) return;
  for (const auto& strand : lane->strands) {
    if (strand->account != held.strand || !strand->block || strand->block->account != held.account) continue;
    set_block(*strand, nullptr);
    consider(*lane);
    return;
  }
}

}  // namespace bulkhead::queue

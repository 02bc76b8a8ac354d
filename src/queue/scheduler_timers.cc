// What time does to a shard's deliveries: due, expired, to be warned about, released, stalled.

#include <algorithm>

#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::microseconds kReleaseSpread{800000};  // released lanes start within this time
constexpr std::chrono::microseconds kReleaseStep{2000};      // and not closer than this while there are few
constexpr std::chrono::seconds kStallCheck{1};

UtcTime from_seconds(std::uint32_t seconds) {
  return seconds == 0 ? kNever : UtcTime{std::chrono::seconds{seconds}};
}

}  // namespace

void Scheduler::arm(Slot slot) {
  const DeliveryEntry& entry = table_[slot];
  UtcTime at = kNever;
  if (!entry.is_overdue) at = std::min(from_seconds(entry.expires_at), from_seconds(entry.warn_at));
  if (entry.state == DeliveryState::kScheduled) at = std::min(at, entry.due);
  table_.set_timer(slot, at);
}

void Scheduler::fire(Slot slot, UtcTime now) {
  DeliveryEntry& entry = table_[slot];
  const bool is_late = from_seconds(entry.expires_at) <= now || from_seconds(entry.warn_at) <= now;
  if (is_late && !entry.is_overdue) {
    entry.is_overdue = true;
    overdue_.emplace_back(slot, entry.key());
  }
  if (entry.state == DeliveryState::kScheduled && entry.due <= now) {
    leave(slot);
    resume(slot, Position::kBack);
    return;
  }
  arm(slot);
}

void Scheduler::run_timers() {
  const UtcTime now = clock_.now();
  for (Slot slot = table_.earliest(); slot != kNoSlot && table_[slot].timer <= now; slot = table_.earliest()) {
    fire(slot, now);
  }
  wake_lanes(now);
  if (now >= stall_check_at_) watch_stalled(now);
}

std::optional<UtcTime> Scheduler::next_timer() const {
  UtcTime at = kNever;
  if (table_.earliest() != kNoSlot) at = table_[table_.earliest()].timer;
  if (!waking_.empty()) at = std::min(at, waking_.front().at);
  if (!backlog_.empty()) at = std::min(at, stall_check_at_);
  return at == kNever ? std::nullopt : std::optional<UtcTime>{at};
}

// An entry of the line may have been finished meanwhile, and its slot used again: the key tells.
std::optional<Taken> Scheduler::next_overdue() {
  const UtcTime now = clock_.now();
  while (!overdue_.empty() && !is_stopped_) {
    const auto [slot, key] = overdue_.front();
    overdue_.pop_front();
    DeliveryEntry& entry = table_[slot];
    if (entry.state == DeliveryState::kFree || entry.key() != key || !entry.is_overdue) continue;
    entry.is_overdue = false;
    if (entry.state == DeliveryState::kActive) continue;  // the end of its attempt looks at the time again
    Taken taken = activate(slot);
    taken.is_expired = from_seconds(entry.expires_at) <= now;
    return taken;
  }
  return std::nullopt;
}

void Scheduler::set_held(Lane& lane, bool is_held) {
  if (lane.is_held == is_held) return;
  lane.is_held = is_held;
  const auto move = [&lane](std::uint32_t& from, std::uint32_t& to) {
    from -= lane.ready;
    to += lane.ready;
  };
  StateCounts& tenant = lane.tenant->counts;
  move(is_held ? counts_.ready : counts_.held, is_held ? counts_.held : counts_.ready);
  move(is_held ? tenant.ready : tenant.held, is_held ? tenant.held : tenant.ready);
}

std::size_t Scheduler::release_held() {
  std::vector<Lane*> lanes;
  for (const auto& [key, lane] : lanes_) {
    if (lane->is_held && !lane->is_waking) lanes.push_back(lane.get());
  }
  if (lanes.empty()) return 0;
  const auto count = static_cast<std::int64_t>(lanes.size());
  const auto step = std::min(kReleaseStep, kReleaseSpread / count);
  UtcTime at = clock_.now();
  for (Lane* lane : lanes) {
    lane->is_waking = true;
    waking_.push_back({at, lane});
    at += step;
  }
  // A second change within the spread interleaves with the first; the line stays in order of time.
  std::stable_sort(waking_.begin(), waking_.end(), [](const Waking& a, const Waking& b) { return a.at < b.at; });
  return lanes.size();
}

void Scheduler::wake_lanes(UtcTime now) {
  while (!waking_.empty() && waking_.front().at <= now) {
    Lane& lane = *waking_.front().lane;
    waking_.pop_front();
    lane.is_waking = false;
    if (lane.is_held) {
      set_held(lane, false);
      lane.hold_code.clear();
      lane.hold_reason.clear();
      released_.push_back(lane.key);
    }
    consider(lane);
    drop_if_unused(lane);
  }
}

std::vector<LaneKey> Scheduler::released() {
  return std::exchange(released_, {});
}

// Once a second: lanes whose workers are stuck get one more, rested lanes go on, those without a backlog leave.
void Scheduler::watch_stalled(UtcTime now) {
  stall_check_at_ = now + kStallCheck;
  for (std::size_t left = backlog_.size(); left > 0; --left) {
    Lane* lane = backlog_.front();
    backlog_.pop_front();
    lane->is_listed = false;
    consider(*lane);
    drop_if_unused(*lane);
  }
}

}  // namespace bulkhead::queue

// What time does to a shard's deliveries: due, expired, to be warned about, released, stalled.

#include <algorithm>

#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::seconds kStallCheck{1};
constexpr std::chrono::milliseconds kRefusedCheck{100};

UtcTime from_seconds(std::uint32_t seconds) {
  return seconds == 0 ? kNever : UtcTime{std::chrono::seconds{seconds}};
}

}  // namespace

void Scheduler::arm(Slot slot) {
  const DeliveryEntry& entry = table_[slot];
  UtcTime at = kNever;
  if (!entry.is_overdue) at = std::min(from_seconds(entry.expires_at), from_seconds(entry.warn_at));
  const bool is_scheduled = entry.state == DeliveryState::kScheduled;
  if (is_scheduled) at = entry.is_postponed ? entry.due : std::min(at, entry.due);
  table_.set_timer(slot, at);
}

void Scheduler::fire(Slot slot, UtcTime now) {
  DeliveryEntry& entry = table_[slot];
  if (entry.due <= now) entry.is_postponed = false;
  const bool is_late = from_seconds(entry.expires_at) <= now || from_seconds(entry.warn_at) <= now;
  if (is_late && !entry.is_overdue) {
    entry.is_overdue = true;
    overdue_.emplace_back(slot, entry.key());
  }
  if (entry.state == DeliveryState::kScheduled && entry.due <= now) {
    if (is_sweeping() && intercept(slot)) return;
    leave(slot);
    resume_judged(slot, Position::kBack);
    return;
  }
  arm(slot);
}

void Scheduler::run_timers() {
  const UtcTime now = clock_.now();
  for (Slot slot = table_.earliest(); slot != kNoSlot && table_[slot].timer <= now; slot = table_.earliest()) {
    fire(slot, now);
  }
  wake(now);
  if (!refused_.empty() && now >= refused_check_at_) {
    refused_check_at_ = now + kRefusedCheck;
    ask_all_refused();
  }
  if (now >= stall_check_at_) watch_stalled(now);
}

std::optional<UtcTime> Scheduler::next_timer() const {
  UtcTime at = kNever;
  if (table_.earliest() != kNoSlot) at = table_[table_.earliest()].timer;
  if (!waking_.empty()) at = std::min(at, waking_.begin()->first);
  if (!backlog_.empty()) at = std::min(at, stall_check_at_);
  if (!refused_.empty()) at = std::min(at, refused_check_at_);
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
    // The end of an attempt looks at the time again, and so does who frees what a directive holds.
    const bool is_waiting = entry.state == DeliveryState::kReady || entry.state == DeliveryState::kScheduled;
    if (!is_waiting || (is_sweeping() && intercept(slot))) continue;
    Taken taken = activate(slot);
    taken.is_expired = from_seconds(entry.expires_at) <= now;
    return taken;
  }
  return std::nullopt;
}

std::size_t Scheduler::make_lanes_due(const std::function<bool(const Lane&)>& matches) {
  std::unordered_set<const Lane*> meant;
  for (const auto& lane : lanes_) {
    if (lane->scheduled > 0 && matches(*lane)) meant.insert(lane.get());
  }
  if (meant.empty()) return 0;
  std::size_t made = 0;
  for (Slot slot = 0; slot < table_.end(); ++slot) {
    const DeliveryEntry& entry = table_[slot];
    if (entry.state != DeliveryState::kScheduled || !meant.contains(entry.strand->lane)) continue;
    if (make_due(entry.key())) ++made;
  }
  return made;
}

// Once a second: lanes whose workers are stuck get one more, rested lanes go on, held ones are tried again after a
// while, those without a backlog leave.
void Scheduler::watch_stalled(UtcTime now) {
  stall_check_at_ = now + kStallCheck;
  for (std::size_t left = backlog_.size(); left > 0; --left) {
    Lane* lane = backlog_.front();
    backlog_.pop_front();
    lane->is_listed = false;
    if (lane->is_held && !lane->is_waking && lane->block->look_again <= now) {
      lane->is_waking = true;
      wake_at(now, *lane, nullptr);
    }
    if (!lane->is_held && lane->block && lane->block->until <= now) set_block(*lane, nullptr);
    consider(*lane);
    drop_if_unused(*lane);
  }
}

}  // namespace bulkhead::queue

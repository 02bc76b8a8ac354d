#include "src/queue/scheduler.h"

#include "src/base/check.h"

namespace bulkhead::queue {
namespace {

// Expiry is kept in whole seconds, rounded up: never earlier than promised.
std::uint32_t to_seconds(UtcTime time) {
  if (time == kNever) return 0;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count();
  return seconds < 1 ? 1 : static_cast<std::uint32_t>(seconds);
}

}  // namespace

Scheduler::Scheduler(SchedulerLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}
Scheduler::~Scheduler() = default;

void Scheduler::add(const Planned& planned) {
  const Slot slot = table_.allocate();
  DeliveryEntry& entry = table_[slot];
  entry.message = planned.key.message;
  entry.index = planned.key.index;
  entry.attempts = planned.attempts;
  entry.is_sole = planned.is_sole;
  entry.has_record = planned.has_record;
  entry.due = planned.due;
  entry.expires_at = to_seconds(planned.expires_at);
  entry.warn_at = to_seconds(planned.warn_at);
  entry.lane = &open_lane(planned.lane);
  resume(slot, Position::kBack);
}

std::optional<Taken> Scheduler::take(const LaneKey& key) {
  Lane* lane = find_lane(key);
  if (lane == nullptr || is_stopped_ || lane->is_held || lane->head == kNoSlot) return std::nullopt;
  const UtcTime now = clock_.now();
  if (now < lane->paused_until) return std::nullopt;
  if (must_yield(*lane)) return std::nullopt;
  lane->last_take = now;
  return activate(lane->head);
}

bool Scheduler::finish(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].lane;
  lane.unsent = 0;
  table_.release(slot);
  drop_if_unused(lane);
  return true;
}

bool Scheduler::reschedule(const DeliveryKey& key, std::uint16_t attempts, UtcTime due) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  DeliveryEntry& entry = table_[slot];
  entry.attempts = attempts;
  entry.has_record = true;
  entry.due = due;
  entry.lane->unsent = 0;
  resume(slot, Position::kBack);
  return true;
}

bool Scheduler::put_back(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].lane;
  // A worker that gives everything back untried must not spin: after three the lane rests for a second.
  if (++lane.unsent >= 3) {
    lane.paused_until = clock_.now() + std::chrono::seconds{1};
    lane.unsent = 0;
  }
  resume(slot, Position::kFront);
  return true;
}

bool Scheduler::postpone(const DeliveryKey& key, UtcTime due) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  table_[slot].due = due;
  resume(slot, Position::kFront);
  return true;
}

bool Scheduler::hold_lane(const DeliveryKey& key, std::string reason, std::string code) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].lane;
  lane.unsent = 0;
  lane.hold_code = std::move(code);
  lane.hold_reason = std::move(reason);
  if (!lane.is_held) lane.held_since = clock_.now();
  set_held(lane, true);
  resume(slot, Position::kFront);
  return true;
}

bool Scheduler::warned(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  table_[slot].warn_at = 0;
  table_[slot].has_record = true;
  resume(slot, Position::kFront);
  return true;
}

std::optional<Planned> Scheduler::extract(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return std::nullopt;
  const DeliveryEntry& entry = table_[slot];
  Lane& lane = *entry.lane;
  Planned planned{.key = key,
                  .lane = lane.key,
                  .attempts = entry.attempts,
                  .is_sole = entry.is_sole,
                  .has_record = entry.has_record,
                  .due = entry.due,
                  .expires_at = UtcTime{std::chrono::seconds{entry.expires_at}},
                  .warn_at = entry.warn_at == 0 ? kNever : UtcTime{std::chrono::seconds{entry.warn_at}}};
  table_.release(slot);
  drop_if_unused(lane);
  return planned;
}

StateCounts Scheduler::counts(const TenantId& tenant) const {
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? StateCounts{} : found->second->counts;
}

std::uint32_t Scheduler::workers(const LaneKey& key) const {
  const Lane* lane = find_lane(key);
  return lane == nullptr ? 0 : lane->workers;
}

std::size_t Scheduler::memory_bytes() const {
  return table_.memory_bytes() + lanes_.size() * (sizeof(Lane) + 64) + active_.size() * 48;
}

DeliveryStatus Scheduler::status_of(const DeliveryEntry& entry) const {
  return {entry.key(),    entry.lane, entry.state,     entry.state == DeliveryState::kReady && entry.lane->is_held,
          entry.attempts, entry.due,  entry.has_record};
}

void Scheduler::visit(const std::function<void(const DeliveryStatus&)>& visitor) const {
  for (Slot slot = 0; slot < table_.end(); ++slot) {
    const DeliveryEntry& entry = table_[slot];
    if (entry.state != DeliveryState::kFree) visitor(status_of(entry));
  }
}

std::vector<DeliveryKey> Scheduler::ready_in(const LaneKey& key, std::size_t limit) const {
  std::vector<DeliveryKey> keys;
  const Lane* lane = find_lane(key);
  if (lane == nullptr) return keys;
  for (Slot slot = lane->head; slot != kNoSlot && keys.size() < limit; slot = table_[slot].next) {
    keys.push_back(table_[slot].key());
  }
  return keys;
}

bool Scheduler::is_held(const LaneKey& key) const {
  const Lane* lane = find_lane(key);
  return lane != nullptr && lane->is_held;
}

std::string Scheduler::hold_of(const LaneKey& key) const {
  const Lane* lane = find_lane(key);
  return lane == nullptr || !lane->is_held ? std::string{} : lane->hold_code + ": " + lane->hold_reason;
}

LaneKey Scheduler::lane_of(const DeliveryKey& active) const {
  const auto found = active_.find(active);
  BULKHEAD_CHECK(found != active_.end());
  return table_[found->second].lane->key;
}

std::size_t Scheduler::make_due(const std::function<bool(const DeliveryStatus&)>& matches) {
  std::size_t count = 0;
  const UtcTime now = clock_.now();
  for (Slot slot = 0; slot < table_.end(); ++slot) {
    DeliveryEntry& entry = table_[slot];
    if (entry.state != DeliveryState::kScheduled || !matches(status_of(entry))) continue;
    leave(slot);
    entry.due = now;
    resume(slot, Position::kBack);
    ++count;
  }
  return count;
}

Lane* Scheduler::find_lane(const LaneKey& key) const {
  const auto found = lanes_.find(key);
  return found == lanes_.end() ? nullptr : found->second.get();
}

Lane& Scheduler::open_lane(const LaneKey& key) {
  if (Lane* known = find_lane(key)) return *known;
  auto& tenant = tenants_[key.tenant];
  if (!tenant) {
    tenant = std::make_unique<TenantShare>();
    tenant->id = key.tenant;
  }
  auto lane = std::make_unique<Lane>();
  lane->key = key;
  lane->tenant = tenant.get();
  lane->last_take = clock_.now();
  ++tenant->lanes;
  return *lanes_.emplace(key, std::move(lane)).first->second;
}

void Scheduler::drop_if_unused(Lane& lane) {
  if (!lane.is_unused()) return;
  TenantShare& tenant = *lane.tenant;
  const LaneKey key = lane.key;  // the lane dies in erase, and its key with it
  lanes_.erase(key);
  if (--tenant.lanes == 0) {
    if (tenant.is_in_round) drop_from_round(tenant);
    tenants_.erase(key.tenant);
  }
}

// Enters a state, counting it for lane, tenant and shard.
void Scheduler::enter(Slot slot, DeliveryState state) {
  DeliveryEntry& entry = table_[slot];
  Lane& lane = *entry.lane;
  StateCounts& tenant = lane.tenant->counts;
  BULKHEAD_CHECK(entry.state == DeliveryState::kFree);
  entry.state = state;
  if (state == DeliveryState::kReady) {
    ++lane.ready;
    ++(lane.is_held ? tenant.held : tenant.ready);
    ++(lane.is_held ? counts_.held : counts_.ready);
  } else if (state == DeliveryState::kActive) {
    ++lane.active, ++tenant.active, ++counts_.active;
  } else {
    ++lane.scheduled, ++tenant.scheduled, ++counts_.scheduled;
  }
}

void Scheduler::leave(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  Lane& lane = *entry.lane;
  StateCounts& tenant = lane.tenant->counts;
  if (entry.state == DeliveryState::kReady) {
    unlink(slot);
    --lane.ready;
    --(lane.is_held ? tenant.held : tenant.ready);
    --(lane.is_held ? counts_.held : counts_.ready);
  } else if (entry.state == DeliveryState::kActive) {
    --lane.active, --tenant.active, --counts_.active;
  } else {
    --lane.scheduled, --tenant.scheduled, --counts_.scheduled;
  }
  entry.state = DeliveryState::kFree;
}

void Scheduler::link(Slot slot, Position position) {
  DeliveryEntry& entry = table_[slot];
  Lane& lane = *entry.lane;
  const bool is_front = position == Position::kFront;
  entry.previous = is_front ? kNoSlot : lane.tail;
  entry.next = is_front ? lane.head : kNoSlot;
  if (entry.previous != kNoSlot) table_[entry.previous].next = slot;
  if (entry.next != kNoSlot) table_[entry.next].previous = slot;
  if (entry.previous == kNoSlot) lane.head = slot;
  if (entry.next == kNoSlot) lane.tail = slot;
}

void Scheduler::unlink(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  Lane& lane = *entry.lane;
  (entry.previous == kNoSlot ? lane.head : table_[entry.previous].next) = entry.next;
  (entry.next == kNoSlot ? lane.tail : table_[entry.next].previous) = entry.previous;
  entry.previous = entry.next = kNoSlot;
}

Taken Scheduler::activate(Slot slot) {
  leave(slot);
  enter(slot, DeliveryState::kActive);
  table_.set_timer(slot, kNever);
  const DeliveryEntry& entry = table_[slot];
  active_.emplace(entry.key(), slot);
  return {entry.key(), entry.attempts, entry.is_sole, entry.has_record};
}

Slot Scheduler::deactivate(const DeliveryKey& key) {
  const auto found = active_.find(key);
  if (found == active_.end()) return kNoSlot;
  const Slot slot = found->second;
  active_.erase(found);
  leave(slot);
  return slot;
}

// Ready or scheduled, as its due time says.
void Scheduler::resume(Slot slot, Position position) {
  DeliveryEntry& entry = table_[slot];
  if (entry.due <= clock_.now()) {
    link(slot, position);
    enter(slot, DeliveryState::kReady);
    consider(*entry.lane);
  } else {
    enter(slot, DeliveryState::kScheduled);
  }
  arm(slot);
}

}  // namespace bulkhead::queue

// What a scheduler shows of itself.

#include "src/base/check.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

std::string_view state_word(const DeliveryStatus& status) {
  if (status.is_held) return "held";
  if (status.is_paused) return "scheduled";
  switch (status.state) {
    case DeliveryState::kActive:
      return "active";
    case DeliveryState::kScheduled:
      return "scheduled";
    default:
      return "ready";
  }
}

DeliveryStatus Scheduler::status_of(const DeliveryEntry& entry) const {
  const Strand& strand = *entry.strand;
  const Lane& lane = *strand.lane;
  DeliveryStatus status;
  status.key = entry.key();
  status.lane = &lane;
  status.entry = &entry;
  status.state = entry.state;
  status.attempts = entry.attempts;
  status.due = entry.due;
  status.has_record = entry.has_record;
  if (entry.state == DeliveryState::kParked) {
    status.is_held = true;
    status.directive = entry.directive;
  } else if (entry.state == DeliveryState::kReady) {
    const bool is_strand_held = strand.block && strand.block->is_held();
    status.is_held = lane.is_held || is_strand_held;
    status.block = is_strand_held || !lane.block ? strand.block.get() : lane.block.get();
    status.is_paused = !status.is_held && status.block != nullptr;
  }
  return status;
}

// Every delivery has a tenant, so the tenants' rows sum up to all.
Tally Scheduler::tally_of_all() const {
  Tally sum;
  attributes_.visit_rows(AttributeKind::kTenant, [&sum](const AttributeRow& row) {
    sum.deliveries += row.deliveries;
    sum.active += row.active;
    sum.messages += row.sole + std::uint64_t{row.messages};
    sum.several += row.deliveries - row.sole;
  });
  return sum;
}

void Scheduler::visit(const std::function<void(const DeliveryStatus&)>& visitor) const {
  visit_some(0, table_.end(), visitor);
}

Slot Scheduler::visit_some(Slot from, std::size_t limit,
                           const std::function<void(const DeliveryStatus&)>& visitor) const {
  return visit_entries(from, limit, [&](const DeliveryEntry& entry) { visitor(status_of(entry)); });
}

void Scheduler::visit_lanes(const std::function<void(const Lane&)>& visitor) const {
  for (const auto& lane : lanes_) visitor(*lane);
}

std::optional<DeliveryStatus> Scheduler::find(const DeliveryKey& key) const {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || table_[slot].state == DeliveryState::kDoomed) return std::nullopt;
  return status_of(table_[slot]);
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
  std::size_t strands = 0;
  for (const auto& lane : lanes_) strands += lane->strands.size();
  return table_.memory_bytes() + attributes_.memory_bytes() + lanes_.size() * (sizeof(Lane) + 64) +
         strands * (sizeof(Strand) + 24) + waking_.size() * (sizeof(Wakings::value_type) + 32) +
         tenants_.size() * (sizeof(TenantShare) + 64);
}

std::vector<DeliveryKey> Scheduler::ready_in(const LaneKey& key, std::size_t limit,
                                             std::optional<AttributeRef> only) const {
  std::vector<DeliveryKey> keys;
  const Lane* lane = find_lane(key);
  if (lane == nullptr) return keys;
  for (const auto& strand : lane->strands) {
    if (only && strand->account != *only) continue;
    for (Slot slot = strand->head; slot != kNoSlot && keys.size() < limit; slot = table_[slot].next) {
      keys.push_back(table_[slot].key());
    }
  }
  return keys;
}

bool Scheduler::is_held(const LaneKey& key) const {
  const Lane* lane = find_lane(key);
  return lane != nullptr && lane->is_held;
}

std::string Scheduler::hold_of(const LaneKey& key) const {
  const Lane* lane = find_lane(key);
  return lane == nullptr || !lane->is_held ? std::string{} : lane->block->code + ": " + lane->block->reason;
}

LaneKey Scheduler::lane_of(const DeliveryKey& active) const {
  const Slot slot = table_.find(active);
  BULKHEAD_CHECK(slot != kNoSlot);
  return table_[slot].strand->lane->key;
}

}  // namespace bulkhead::queue

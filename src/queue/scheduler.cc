#include "src/queue/scheduler.h"

#include <algorithm>

#include "src/base/check.h"

namespace bulkhead::queue {
namespace {

// Expiry is kept in whole seconds, rounded up: never earlier than promised.
std::uint32_t to_seconds(UtcTime time) {
  if (time == kNever) return 0;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count();
  return seconds < 1 ? 1 : static_cast<std::uint32_t>(seconds);
}

using Strands = std::vector<std::unique_ptr<Strand>>;

Strands::iterator place_of(Strands& strands, AttributeRef account, std::uint64_t part) {
  return std::ranges::lower_bound(strands, std::pair{account, part}, {}, [](const auto& strand) {
    return std::pair{strand->account, strand->part};
  });
}

}  // namespace

Scheduler::Scheduler(SchedulerLimits limits, const Clock& clock, AttributeHash hash)
    : limits_(limits), clock_(clock), hash_(hash) {}
Scheduler::~Scheduler() = default;

void Scheduler::add(const Planned& planned) {
  const Slot slot = table_.allocate();
  admit(slot, planned);
  resume(slot, Position::kBack);
}

// Fills a free slot: the delivery belongs to its strand and is counted, and is in no state yet.
void Scheduler::admit(Slot slot, const Planned& planned) {
  DeliveryEntry& entry = table_[slot];
  entry.message = planned.key.message;
  entry.index = planned.key.index;
  table_.enroll(slot);
  entry.attempts = planned.attempts;
  entry.is_sole = planned.is_sole;
  entry.has_record = planned.has_record;
  entry.due = planned.due;
  entry.expires_at = to_seconds(planned.expires_at);
  entry.warn_at = to_seconds(planned.warn_at);
  entry.epoch = planned.epoch;
  entry.account = attributes_.acquire(AttributeKind::kAccount, planned.keys.account);
  entry.sender = attributes_.acquire(AttributeKind::kSender, planned.keys.sender);
  entry.client_ip = attributes_.acquire(AttributeKind::kClientIp, planned.keys.client_ip);
  entry.domain = attributes_.acquire(AttributeKind::kDomain, planned.keys.domain);
  Lane& lane = open_lane(planned.lane);
  entry.strand = &open_strand(lane, entry.account != kNoAttribute ? entry.account : entry.client_ip);
  ++entry.strand->members;
  ++lane.members;
  count(entry, +1);
}

// The end of an entry that is in no state: its lane may go with it.
void Scheduler::remove(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  Strand& strand = *entry.strand;
  Lane& lane = *strand.lane;
  for (const AttributeRef ref : {entry.account, entry.sender, entry.client_ip, entry.domain}) attributes_.release(ref);
  settle(entry.key());
  table_.release(slot);
  --lane.members;
  --strand.members;
  drop_strand_if_unused(strand);
  drop_if_unused(lane);
}

void Scheduler::count(const DeliveryEntry& entry, int change) {
  const auto by = static_cast<std::uint32_t>(change);  // wraps around for -1, as unsigned arithmetic does
  Lane& lane = *entry.strand->lane;
  (entry.is_sole ? lane.sole : several_) += by;
  for (const AttributeRef ref :
       {lane.tenant->ref, lane.site, entry.account, entry.sender, entry.client_ip, entry.domain}) {
    if (ref == kNoAttribute) continue;
    attributes_[ref].deliveries += by;
    if (entry.is_sole) attributes_[ref].sole += by;
  }
}

void Scheduler::count_active(const DeliveryEntry& entry, int change) {
  const auto by = static_cast<std::uint32_t>(change);
  const Lane& lane = *entry.strand->lane;
  for (const AttributeRef ref :
       {lane.tenant->ref, lane.site, entry.account, entry.sender, entry.client_ip, entry.domain}) {
    if (ref != kNoAttribute) attributes_[ref].active += by;
  }
}

Tally Scheduler::tally(std::uint64_t key) const {
  if (key == 0) return tally_of_all();
  const AttributeRef ref = attributes_.find(key);
  if (ref == kNoAttribute) return {};
  const AttributeRow& row = attributes_[ref];
  return {row.deliveries, row.active, row.sole + std::uint64_t{row.messages}, row.deliveries - row.sole};
}

std::array<AttributeRef, 4> Scheduler::count_message(const TenantId& tenant, const AttributeKeys& keys) {
  const std::array<AttributeRef, 4> counted{attributes_.acquire(AttributeKind::kTenant, hash_.of_tenant(tenant)),
                                            attributes_.acquire(AttributeKind::kAccount, keys.account),
                                            attributes_.acquire(AttributeKind::kSender, keys.sender),
                                            attributes_.acquire(AttributeKind::kClientIp, keys.client_ip)};
  for (const AttributeRef ref : counted) {
    if (ref != kNoAttribute) ++attributes_[ref].messages;
  }
  return counted;
}

void Scheduler::uncount_message(const std::array<AttributeRef, 4>& counted) {
  for (const AttributeRef ref : counted) {
    if (ref != kNoAttribute) --attributes_[ref].messages;
    attributes_.release(ref);
  }
}

bool Scheduler::finish(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  const DeliveryEntry& entry = table_[slot];
  entry.strand->lane->unsent = 0;
  count(entry, -1);
  remove(slot);
  return true;
}

bool Scheduler::reschedule(const DeliveryKey& key, std::uint16_t attempts, UtcTime due) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  DeliveryEntry& entry = table_[slot];
  entry.attempts = attempts;
  entry.has_record = true;
  entry.due = due;
  entry.strand->lane->unsent = 0;
  resume(slot, Position::kBack);
  return true;
}

bool Scheduler::put_back(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  Lane& lane = *table_[slot].strand->lane;
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
  table_[slot].is_postponed = due > clock_.now();
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

Planned Scheduler::planned_of(const DeliveryEntry& entry) const {
  const auto key_of = [this](AttributeRef ref) { return ref == kNoAttribute ? 0 : attributes_[ref].key; };
  return {.key = entry.key(),
          .lane = entry.strand->lane->key,
          .attempts = entry.attempts,
          .is_sole = entry.is_sole,
          .has_record = entry.has_record,
          .due = entry.due,
          .expires_at = entry.expires_at == 0 ? kNever : UtcTime{std::chrono::seconds{entry.expires_at}},
          .warn_at = entry.warn_at == 0 ? kNever : UtcTime{std::chrono::seconds{entry.warn_at}},
          .keys = {key_of(entry.account), key_of(entry.sender), key_of(entry.client_ip), key_of(entry.domain)},
          .epoch = entry.epoch};
}

std::optional<Planned> Scheduler::extract(const DeliveryKey& key) {
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return std::nullopt;
  Planned planned = planned_of(table_[slot]);
  count(table_[slot], -1);
  remove(slot);
  return planned;
}

// The next delivery of a lane that waits for its site, whatever it waits for besides.
Slot Scheduler::next_to_move(Lane& lane) {
  if (const Slot ready = next_of(lane, SIZE_MAX); ready != kNoSlot) return ready;
  for (const auto& strand : lane.strands) {
    if (strand->others != kNoSlot) return strand->others;
  }
  return kNoSlot;
}

std::vector<Planned> Scheduler::drain_lane(const LaneKey& key, std::size_t limit) {
  std::vector<Planned> drained;
  for (Lane* lane = find_lane(key); lane != nullptr && drained.size() < limit; lane = find_lane(key)) {
    const Slot slot = next_to_move(*lane);
    if (slot == kNoSlot) break;
    const DeliveryEntry& entry = table_[slot];
    if (entry.state == DeliveryState::kParked) --progress_[entry.directive].held;
    leave(slot);
    table_.set_timer(slot, kNever);
    drained.push_back(planned_of(entry));
    count(entry, -1);
    remove(slot);
  }
  return drained;
}

std::vector<LaneKey> Scheduler::routing() {
  return std::exchange(routing_, {});
}

void Scheduler::ask_for_route(Lane& lane) {
  if (lane.is_routing && !std::exchange(lane.is_told, true)) routing_.push_back(lane.key);
}

// Its lookup is over and it was drained: what comes into it from now on needs another one.
void Scheduler::end_routing(const LaneKey& key) {
  if (Lane* lane = find_lane(key); lane != nullptr) lane->is_told = false;
}

bool Scheduler::make_due(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || table_[slot].state != DeliveryState::kScheduled) return false;
  leave(slot);
  table_[slot].due = clock_.now();
  resume(slot, Position::kBack);
  return true;
}

Lane* Scheduler::find_lane(const LaneKey& key) const {
  const auto found = lanes_.find(key);
  return found == lanes_.end() ? nullptr : found->get();
}

Lane& Scheduler::open_lane(const LaneKey& key) {
  if (Lane* known = find_lane(key)) return *known;
  auto& tenant = tenants_[key.tenant];
  if (!tenant) {
    tenant = std::make_unique<TenantShare>();
    tenant->id = key.tenant;
    tenant->ref = attributes_.acquire(AttributeKind::kTenant, hash_.of_tenant(key.tenant));
  }
  auto lane = std::make_unique<Lane>();
  lane->key = key;
  lane->tenant = tenant.get();
  lane->last_take = clock_.now();
  lane->is_routing = key.site.starts_with(kRoutingSite);
  // What waits for its site's name runs nowhere.
  if (lane->is_routing) lane->paused_until = kNever;
  if (!lane->is_routing) lane->site = attributes_.acquire(AttributeKind::kSite, hash_(AttributeKind::kSite, key.site));
  ++tenant->lanes;
  return **lanes_.insert(std::move(lane)).first;
}

Strand& Scheduler::open_strand(Lane& lane, AttributeRef account, std::uint64_t part) {
  auto& strands = lane.strands;
  const auto at = place_of(strands, account, part);
  if (at != strands.end() && (*at)->account == account && (*at)->part == part) return **at;
  auto strand = std::make_unique<Strand>();
  strand->lane = &lane;
  strand->account = account;
  strand->part = part;
  return **strands.insert(at, std::move(strand));
}

void Scheduler::drop_strand_if_unused(Strand& strand) {
  if (strand.members > 0 || strand.is_in_round) return;
  forget_waking(strand.waking);
  auto& strands = strand.lane->strands;
  strands.erase(place_of(strands, strand.account, strand.part));
}

void Scheduler::drop_if_unused(Lane& lane) {
  if (!lane.is_unused()) return;
  TenantShare& tenant = *lane.tenant;
  attributes_.release(lane.site);
  forget_waking(lane.waking);
  for (const auto& strand : lane.strands) forget_waking(strand->waking);
  const LaneKey key = lane.key;  // the lane dies in erase, and its key with it
  lanes_.erase(lanes_.find(key));
  if (--tenant.lanes > 0) return;
  if (tenant.is_in_round) drop_from_round(tenant);
  attributes_.release(tenant.ref);
  tenants_.erase(key.tenant);
}

// Enters a state, counting it for strand, lane, tenant and shard.
void Scheduler::enter(Slot slot, DeliveryState state) {
  DeliveryEntry& entry = table_[slot];
  Strand& strand = *entry.strand;
  Lane& lane = *strand.lane;
  StateCounts& tenant = lane.tenant->counts;
  BULKHEAD_CHECK(entry.state == DeliveryState::kFree);
  entry.state = state;
  switch (state) {
    case DeliveryState::kReady: {
      const StateCounts before = lane.ready_counts();
      ++strand.ready, ++lane.ready;
      if (strand.block) ++lane.blocked;
      if (strand.block && strand.block->is_held()) ++lane.strand_held;
      recount_ready(lane, before);
      break;
    }
    case DeliveryState::kActive:
      ++lane.active, ++tenant.active, ++counts_.active;
      count_active(entry, +1);
      break;
    case DeliveryState::kScheduled:
      ++lane.scheduled, ++tenant.scheduled, ++counts_.scheduled;
      if (lane.is_routing) link_other(slot);
      break;
    case DeliveryState::kParked:
      ++lane.parked, ++tenant.held, ++counts_.held, ++parked_;
      if (lane.is_routing) link_other(slot);
      break;
    default:  // doomed: not in the queue any more
      ++doomed_;
  }
}

void Scheduler::leave(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  Strand& strand = *entry.strand;
  Lane& lane = *strand.lane;
  StateCounts& tenant = lane.tenant->counts;
  switch (entry.state) {
    case DeliveryState::kReady: {
      unlink(slot);
      const StateCounts before = lane.ready_counts();
      --strand.ready, --lane.ready;
      if (strand.block) --lane.blocked;
      if (strand.block && strand.block->is_held()) --lane.strand_held;
      recount_ready(lane, before);
      break;
    }
    case DeliveryState::kActive:
      --lane.active, --tenant.active, --counts_.active;
      count_active(entry, -1);
      end_work(entry);
      break;
    case DeliveryState::kScheduled:
      --lane.scheduled, --tenant.scheduled, --counts_.scheduled;
      if (lane.is_routing) unlink_other(slot);
      break;
    case DeliveryState::kParked:
      --lane.parked, --tenant.held, --counts_.held, --parked_;
      if (lane.is_routing) unlink_other(slot);
      break;
    case DeliveryState::kDoomed:
      --doomed_;
      break;
    default:
      BULKHEAD_CHECK(false);
  }
  entry.state = DeliveryState::kFree;
}

void Scheduler::link(Slot slot, Position position) {
  DeliveryEntry& entry = table_[slot];
  Strand& strand = *entry.strand;
  const bool is_front = position == Position::kFront;
  entry.previous = is_front ? kNoSlot : strand.tail;
  entry.next = is_front ? strand.head : kNoSlot;
  if (entry.previous != kNoSlot) table_[entry.previous].next = slot;
  if (entry.next != kNoSlot) table_[entry.next].previous = slot;
  if (entry.previous == kNoSlot) strand.head = slot;
  if (entry.next == kNoSlot) strand.tail = slot;
}

void Scheduler::link_other(Slot slot) {
  Strand& strand = *table_[slot].strand;
  table_[slot].next = strand.others;
  if (strand.others != kNoSlot) table_[strand.others].previous = slot;
  strand.others = slot;
}

void Scheduler::unlink_other(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  (entry.previous == kNoSlot ? entry.strand->others : table_[entry.previous].next) = entry.next;
  if (entry.next != kNoSlot) table_[entry.next].previous = entry.previous;
  entry.previous = entry.next = kNoSlot;
}

void Scheduler::unlink(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  Strand& strand = *entry.strand;
  (entry.previous == kNoSlot ? strand.head : table_[entry.previous].next) = entry.next;
  (entry.next == kNoSlot ? strand.tail : table_[entry.next].previous) = entry.previous;
  entry.previous = entry.next = kNoSlot;
}

Taken Scheduler::activate(Slot slot) {
  leave(slot);
  enter(slot, DeliveryState::kActive);
  table_.set_timer(slot, kNever);
  table_[slot].is_postponed = false;
  note_handed_out(table_[slot]);
  const DeliveryEntry& entry = table_[slot];
  return {.key = entry.key(),
          .attempts = entry.attempts,
          .is_sole = entry.is_sole,
          .has_record = entry.has_record,
          .is_expired = false,
          .expires_at = entry.expires_at == 0 ? kNever : UtcTime{std::chrono::seconds{entry.expires_at}}};
}

// Leaves the active state; kNoSlot when no such delivery is active.
Slot Scheduler::deactivate(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || table_[slot].state != DeliveryState::kActive) return kNoSlot;
  leave(slot);
  return slot;
}

// Ready or scheduled, as its due time says.
void Scheduler::resume_judged(Slot slot, Position position) {
  DeliveryEntry& entry = table_[slot];
  if (entry.due <= clock_.now()) {
    link(slot, position);
    enter(slot, DeliveryState::kReady);
    join_round(*entry.strand);
    consider(*entry.strand->lane);
  } else {
    enter(slot, DeliveryState::kScheduled);
  }
  ask_for_route(*entry.strand->lane);
  arm(slot);
}

}  // namespace bulkhead::queue

// A lane and the tenant it belongs to, as the scheduler keeps them.
#pragma once

#include <deque>
#include <string>

#include "src/queue/delivery_table.h"

namespace bulkhead::queue {

inline constexpr std::string_view kLocalSite = "local";

// Deliveries by state, kept as they come and go.
struct StateCounts {
  std::uint32_t ready = 0, active = 0, scheduled = 0, held = 0;
  bool operator==(const StateCounts&) const = default;
};

// What a tenant has on this shard. Accounts will be a second level between tenant and lanes: a turn of the tenant
// then asks its accounts in their own round which lane to start.
struct TenantShare {
  TenantId id;
  StateCounts counts;
  std::uint32_t workers = 0;
  std::uint32_t lanes = 0;
  std::int64_t deficit = 0;  // starts that it may still make in this turn
  bool is_in_round = false;
  std::deque<Lane*> waiting;  // its lanes that want a worker
};

struct Lane {
  LaneKey key;
  TenantShare* tenant = nullptr;
  Slot head = kNoSlot;  // ready deliveries, first come first served
  Slot tail = kNoSlot;
  std::uint32_t ready = 0;  // length of that list, held or not
  std::uint32_t active = 0;
  std::uint32_t scheduled = 0;
  std::uint32_t workers = 0;
  std::uint32_t unsent = 0;  // jobs that came back untried in a row
  bool is_waiting = false;   // stands in its tenant's line
  bool is_listed = false;    // stands in the scheduler's list of lanes with a backlog
  bool is_held = false;      // nothing of it runs: no source address, or its tenant is suspended
  bool is_waking = false;
  bool is_yielding = false;  // hands out nothing until one of its workers has ended
  UtcTime paused_until = UtcTime::min();
  UtcTime last_take;
  UtcTime held_since;
  std::string hold_code;    // "no-source", …
  std::string hold_reason;  // as a sentence

  bool is_local() const { return key.site == kLocalSite; }
  bool is_unused() const {
    return ready + active + scheduled + workers == 0 && !is_waiting && !is_waking && !is_listed;
  }
};

struct LaneKeyHash {
  std::size_t operator()(const LaneKey& key) const noexcept {
    return std::hash<TenantId>{}(key.tenant) ^ std::hash<IpAddress>{}(key.arrival) * 31 ^
           std::hash<std::string>{}(key.site) * 17;
  }
};

struct DeliveryKeyHash {
  std::size_t operator()(const DeliveryKey& key) const noexcept {
    return std::hash<MessageId>{}(key.message) + key.index * std::size_t{0x9E3779B97F4A7C15};
  }
};

}  // namespace bulkhead::queue

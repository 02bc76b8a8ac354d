// A lane, its strands, and the tenant it belongs to, as the scheduler keeps them.
//
// A lane is tenant × arrival × site; a strand is one account's mail in it. Deliveries of a lane are handed out strand
// by strand in turn, so that an account with 100,000 of them does not stand before another's ten. Mail without an
// account counts for the address of its client. When the gate makes a part of an account's mail wait, one sender
// domain's say, each delivery of it moves to a strand of that part as its turn comes, and stays there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/queue/delivery_table.h"

namespace bulkhead::queue {

inline constexpr std::string_view kLocalSite = "local";
// A lane of this site holds what waits for its domain's site: the domain follows.
inline constexpr std::string_view kRoutingSite = "routing/";
// Whether the site is a remote one that is known.
inline bool names_site(const LaneKey& lane) {
  return lane.site != kLocalSite && !lane.site.starts_with(kRoutingSite);
}

// Deliveries by state, kept as they come and go.
struct StateCounts {
  std::uint32_t ready = 0, active = 0, scheduled = 0, held = 0;
  std::uint32_t total() const { return ready + active + scheduled + held; }
  // From what a part was before to what it is now.
  void move(const StateCounts& before, const StateCounts& now) {
    ready += now.ready - before.ready, active += now.active - before.active;
    scheduled += now.scheduled - before.scheduled, held += now.held - before.held;
  }
  bool operator==(const StateCounts&) const = default;
};

// Why a lane or a strand waits.
struct Block {
  std::string code;    // "no-source", …
  std::string reason;  // as a sentence
  UtcTime since;
  UtcTime until = kNever;            // when it goes on by itself; kNever: held until something changes
  std::string remedy;                // what would change it, "" when the code says enough
  std::optional<AccountId> account;  // of a strand whose account is suspended
  std::vector<IpAddress> sources;    // that the lane could have used when it was held
  UtcTime look_again = kNever;       // held lanes: when it is tried again though nothing has changed
  bool is_held() const { return until == kNever; }
};

struct Lane;
struct Strand;

// A lane, or one strand of it, that goes on at a time.
struct Waking {
  Lane* lane;
  Strand* strand;  // null: the lane itself
};
using Wakings = std::multimap<UtcTime, Waking>;  // each stands in it once at most
using WakingPlace = std::optional<Wakings::iterator>;

struct Strand {
  Lane* lane = nullptr;
  AttributeRef account = kNoAttribute;
  std::uint64_t part = 0;  // hash of what Pause::part names; 0: the account's mail that belongs to none
  Slot head = kNoSlot;     // ready deliveries, first come first served
  Slot tail = kNoSlot;
  Slot others = kNoSlot;      // of a lane that waits for its site: what is scheduled or parked
  std::uint32_t ready = 0;    // length of the list of ready ones
  std::uint32_t members = 0;  // deliveries in any state
  bool is_in_round = false;
  WakingPlace waking;            // when it is looked at again
  Strand* next = nullptr;        // in its lane's round
  std::unique_ptr<Block> block;  // nothing of it is handed out
};

// One account's lanes that want a worker.
struct AccountLine {
  AttributeRef account = kNoAttribute;
  Lane* head = nullptr;
  Lane* tail = nullptr;
  AccountLine* next = nullptr;  // in its tenant's round
};

// What a tenant has on this shard.
struct TenantShare {
  TenantId id;
  AttributeRef ref = kNoAttribute;
  StateCounts counts;
  std::uint32_t workers = 0;
  std::uint32_t lanes = 0;
  std::int64_t deficit = 0;  // starts that it may still make in this turn
  bool is_in_round = false;
  std::unordered_map<AttributeRef, AccountLine> lines;
  AccountLine* line_head = nullptr;  // its accounts take turns
  AccountLine* line_tail = nullptr;
};

struct Lane {
  LaneKey key;
  TenantShare* tenant = nullptr;
  AttributeRef site = kNoAttribute;
  Strand* round_head = nullptr;  // strands with something to hand out
  Strand* round_tail = nullptr;
  std::vector<std::unique_ptr<Strand>> strands;  // in order of account and part
  std::uint32_t ready = 0;                       // in all strands, held or not
  std::uint32_t blocked = 0;                     // of these, in strands that are held or paused
  std::uint32_t strand_held = 0;                 // of these, in strands that are held
  std::uint32_t active = 0;
  std::uint32_t scheduled = 0;
  std::uint32_t parked = 0;  // held by directives
  std::uint32_t sole = 0;    // of all but the doomed, the only deliveries of their messages
  std::uint32_t members = 0;
  std::uint32_t workers = 0;
  std::uint32_t unsent = 0;         // jobs that came back untried in a row
  std::uint32_t taken_in_turn = 0;  // jobs since a worker of it has last given way
  bool is_waiting = false;          // stands in its tenant's line
  bool is_refused = false;          // stands in the line of its site for the gate
  bool is_listed = false;           // stands in the scheduler's list of lanes with a backlog
  bool is_held = false;             // nothing of it runs: no source address, or its tenant is suspended
  bool is_waking = false;           // about to be released
  bool is_yielding = false;         // hands out nothing until one of its workers has ended
  bool is_routing = false;          // holds what waits for its domain's site
  bool is_told = false;             // routing() has named it, or will
  Lane* next_waiting = nullptr;
  WakingPlace waking;  // when it is looked at again
  UtcTime paused_until = UtcTime::min();
  UtcTime last_take;
  std::unique_ptr<Block> block;  // why it is held or paused

  bool is_local() const { return key.site == kLocalSite; }
  std::uint32_t open() const { return is_held ? 0 : ready - blocked; }
  // As what the ready ones count: what waits until a time, for a limit say, is scheduled.
  StateCounts ready_counts() const {
    if (is_held) return {.held = ready};
    if (block) return {.scheduled = ready - strand_held, .held = strand_held};
    return {.ready = ready - blocked, .scheduled = blocked - strand_held, .held = strand_held};
  }
  StateCounts counts() const {
    StateCounts counts = ready_counts();
    counts.active += active, counts.scheduled += scheduled, counts.held += parked;
    return counts;
  }
  bool is_unused() const { return members + workers == 0 && !is_waiting && !is_refused && !is_listed; }
};

struct LaneKeyHash {
  using is_transparent = void;
  std::size_t operator()(const LaneKey& key) const noexcept {
    return std::hash<TenantId>{}(key.tenant) ^ std::hash<IpAddress>{}(key.arrival) * 31 ^
           std::hash<std::string>{}(key.site) * 17;
  }
  std::size_t operator()(const std::unique_ptr<Lane>& lane) const noexcept { return (*this)(lane->key); }
};
struct LaneKeyEqual {
  using is_transparent = void;
  static const LaneKey& key_of(const LaneKey& key) { return key; }
  static const LaneKey& key_of(const std::unique_ptr<Lane>& lane) { return lane->key; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return key_of(a) == key_of(b);
  }
};

struct DeliveryKeyHash {
  std::size_t operator()(const DeliveryKey& key) const noexcept {
    return std::hash<MessageId>{}(key.message) + key.index * std::size_t{0x9E3779B97F4A7C15};
  }
};

}  // namespace bulkhead::queue

// What the trace keeps in the kv besides the events that wait to be settled (all in Family::kTrace):
//
//   "e" + sequence (8 bytes, big-endian)   an event that is not yet in a segment
//   "h"                                    the head: where the last settled block ends, and its hash
//   "a"                                    the anchor: which segment is the oldest after retention, signed
//   "k" + public key                       a key of this node that has signed blocks
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/store/store.h"
#include "src/trace/node_key.h"

namespace bulkhead::trace {

inline constexpr std::string_view kHeadKey = "h";
inline constexpr std::string_view kAnchorKey = "a";
inline constexpr std::string_view kEventsFirst = "e";
inline constexpr std::string_view kEventsPastLast = "f";

std::string event_key(std::uint64_t sequence);
// Nothing when `key` is no event's.
std::optional<std::uint64_t> sequence_of(std::string_view key);

// Moves in the same commit that takes a block's events from the kv, so that each event is in exactly one place.
struct Head {
  std::uint32_t segment = 1;
  std::uint32_t blocks = 0;  // in that segment
  std::uint64_t end = 0;     // of its last block
  Hash hash{};               // of its last block; stands for everything before
  std::uint64_t next_sequence = 1;

  std::string encode() const;
  static Result<Head> decode(std::string_view bytes);
};

struct Anchor {
  std::uint32_t first_segment = 1;
  Hash previous{};  // of the last block that retention removed
  Signature signature{};

  std::string signed_part() const;
  std::string encode() const;
  static Result<Anchor> decode(std::string_view bytes);
};

struct TraceRecords {
  std::optional<Head> head;  // nothing before the first start
  Anchor anchor;
  bool has_anchor = false;
  std::vector<PublicKey> keys;

  bool knows(const PublicKey& key) const;
};
Result<TraceRecords> read_records(const store::Kv& kv);
void put_key(store::Batch& batch, const PublicKey& key);

// Commits and waits; never on the store's own threads.
Status commit_and_wait(store::Store& store, store::Batch batch);

}  // namespace bulkhead::trace

// A block of the trace: some thousand events in the order of their sequence, compressed, chained and signed.
//
//   header 88 | compressed events | SHA-256 of both 32 | Ed25519 signature of that hash 64
//
// The header holds the hash of the block before, so the hash of the last block stands for the whole trace up to it.
// All integers are little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/trace/event.h"
#include "src/trace/node_key.h"

namespace bulkhead::trace {

// An event with its number in this node's trace; numbers are never used twice.
struct NumberedEvent {
  std::uint64_t sequence = 0;
  Event event;
};

// Which kinds occur, so that a search for one kind skips blocks without it.
using KindSet = std::array<std::uint64_t, 2>;
void add_kind(KindSet& kinds, EventKind kind);
bool has_kind(const KindSet& kinds, EventKind kind);

struct BlockHeader {
  std::uint32_t segment = 0;
  std::uint32_t number = 0;  // within the segment, from 0
  UtcTime first, last;       // the earliest and the latest time of its events
  std::uint32_t count = 0;
  std::uint32_t raw_size = 0;
  std::uint32_t packed_size = 0;
  KindSet kinds{};
  Hash previous{};

  static constexpr std::size_t kSize = 88;
  static constexpr std::uint32_t kMagic = 0x31425442;  // "BTB1"
  static constexpr std::size_t kPayloadSizeMax = 64U << 20;
  std::string encode() const;
  // kCorrupt when it cannot be a header.
  static Result<BlockHeader> decode(std::string_view bytes);
  std::uint64_t block_size() const;
};

inline constexpr std::size_t kTrailerSize = sizeof(Hash) + sizeof(Signature);

// Collects events, then seals them.
class BlockBuilder {
 public:
  void add(std::uint64_t sequence, const Event& event);
  std::size_t raw_size() const { return raw_.size(); }
  std::uint32_t count() const { return header_.count; }

  struct Sealed {
    BlockHeader header;
    Hash hash{};
    std::string bytes;
  };
  Sealed seal(std::uint32_t segment, std::uint32_t number, const Hash& previous, const NodeKey& key) &&;

 private:
  BlockHeader header_;
  std::string raw_;
  std::uint64_t last_sequence_ = 0;
  UtcTime last_at_;
};

// kCorrupt when the payload is not what the header says.
Result<std::vector<NumberedEvent>> unpack(const BlockHeader& header, std::string_view packed);

}  // namespace bulkhead::trace

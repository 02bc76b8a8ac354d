// The names of bodies in the blob log.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::store {

// Where the first byte of a record lies.
struct BlobPlace {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const BlobPlace&) const = default;
};

// Names a body for as long as somebody holds it: the place where it was first written. Compaction may have moved it
// since, which only the store knows.
//
// Plain value, 21 bytes when encoded. A blob has one holder unless `is_shared`; a shared one has a counter in the kv.
struct BlobRef {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;  // of the record's first byte in the segment
  std::uint64_t length = 0;  // of the body
  bool is_shared = false;
  bool operator==(const BlobRef&) const = default;
  BlobPlace name() const { return {segment, offset}; }

  static constexpr std::size_t kEncodedSize = 21;
  void append_to(std::string& out) const;
  static std::optional<BlobRef> decode(std::string_view bytes);  // exactly kEncodedSize bytes
};

}  // namespace bulkhead::store

// Where a body lies in the blob log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::store {

// Plain value, 21 bytes when encoded. A blob has one holder unless `is_shared`; a shared one has a counter in the kv.
struct BlobRef {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;  // of the record's first byte in the segment
  std::uint64_t length = 0;  // of the body
  bool is_shared = false;
  bool operator==(const BlobRef&) const = default;

  static constexpr std::size_t kEncodedSize = 21;
  void append_to(std::string& out) const;
  static std::optional<BlobRef> decode(std::string_view bytes);  // exactly kEncodedSize bytes
};

}  // namespace bulkhead::store

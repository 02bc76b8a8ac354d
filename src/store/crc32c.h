// CRC-32C (Castagnoli, RFC 3720 §12.1), by the processor's instruction where there is one.
#pragma once

#include <cstdint>
#include <string_view>

namespace bulkhead::store {

// Continues `crc` (0 at the start) over `bytes`.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);
// The same without the instruction; tests compare the two.
std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes);

}  // namespace bulkhead::store

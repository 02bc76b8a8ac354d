// Appending to a file that is synced often, so that the sync changes neither its size nor its blocks where that pays.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "src/store/file_system.h"

namespace bulkhead::store {

struct AppendPlace {
  std::uint64_t tail = 0;                                           // where the pieces go
  std::uint64_t prepared = 0;                                       // up to here the file is written
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  // nothing is written beyond it
};

// Writes the pieces, `size` bytes in all, and zeros up to the end of the page, so that no page has to be read before it
// can be changed; what lies behind the pieces is nothing that anybody may refer to. Returns what is prepared now.
Result<std::uint64_t> append_padded(File& file, const AppendPlace& place, std::vector<std::string_view>& pieces,
                                    std::uint64_t size);

}  // namespace bulkhead::store

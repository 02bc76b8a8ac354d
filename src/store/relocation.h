// The bodies of one segment, copied elsewhere by compaction.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "src/store/blob_ref.h"

namespace bulkhead::store {

// Plain value. The copies are on stable storage.
struct Relocation {
  struct Copy {
    BlobPlace name;          // of the body, and what its record says of itself wherever it lies
    std::uint64_t from = 0;  // offset in the source
    BlobPlace to;
    std::uint64_t size = 0;  // of the record
  };
  std::uint32_t source = 0;
  std::vector<Copy> copies;
  std::map<std::uint32_t, std::uint64_t> tails;  // of the segments that were written to
  std::uint32_t target = 0;                      // the one of them that further copies go to
};

}  // namespace bulkhead::store

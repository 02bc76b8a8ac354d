// Finding events: those that wait in the kv and those in segments, newest first, each once.
#pragma once

#include <vector>

#include "src/trace/archive.h"

namespace bulkhead::trace {

struct SearchResult {
  std::vector<Event> events;  // newest first
  std::uint64_t blocks_read = 0;
  std::vector<Error> damages;  // of blocks that could not be read
};

Result<SearchResult> search_events(const store::Kv& kv, const Archive& archive, const Query& query);

}  // namespace bulkhead::trace

// One round over the shards' parts of the queue, for what is summed or said on each.
#pragma once

#include <utility>

#include "src/queue/bridge.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {

// Calls `visit` with each part on its own shard, one after the other; resumes on `back`. What `visit` refers to must
// live until then: name the task and await it.
template <class Visit>
Task<void> on_each_part(Core& core, net::Shard& back, Visit visit) {
  for (const auto& part : core.shards) {
    OnShard there{part->shard()};
    co_await there;
    visit(*part);
  }
  OnShard home{back};
  co_await home;
}

}  // namespace bulkhead::queue

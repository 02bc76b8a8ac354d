// Reads the stored queue after a start, in pages on the pool, while mail is taken.
#pragma once

#include "src/queue/core.h"

namespace bulkhead::queue {

// Runs on the first shard until everything is planned or the queue stops. A record that does not decode is left where
// it is and named in the log: one damaged message does not keep the others from being served.
Task<void> load_queue(Core& core);

}  // namespace bulkhead::queue

// Stores the limits' counters about once a second, for as long as the node serves.
#pragma once

#include "netpolicy/limits/bucket_storage.h"
#include "src/base/task.h"
#include "src/net/shard.h"

namespace bulkhead::app {

// On `shard`, in `group`; all outlive it.
Task<void> keep_limits(net::Shard& shard, net::TaskGroup& group, netpolicy::BucketStorage& storage);

}  // namespace bulkhead::app

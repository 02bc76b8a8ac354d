// Runs tasks on shards and waits for their end: for start and stop, where the main thread is in charge.
#pragma once

#include <functional>

#include "src/base/task.h"
#include "src/base/unique_function.h"
#include "src/net/shard.h"

namespace bulkhead::app {

// Not from a shard: it would wait for itself.
void run_and_wait(net::Shard& shard, Log& log, UniqueFunction<Task<void>()> make_task);
// One on each shard at the same time.
void run_on_each(net::Runtime& runtime, Log& log, const std::function<Task<void>(std::size_t)>& make_task);

}  // namespace bulkhead::app

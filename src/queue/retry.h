// When a deferred delivery is tried again. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "src/base/random.h"
#include "src/queue/queue.h"

namespace bulkhead::queue {

// The wait after attempt number `attempts` (1 for the first) failed for now. A remote that asked for a time gets it
// within bounds: never sooner than the schedule's first interval, never later than a day.
std::chrono::microseconds retry_delay(const RetryPolicy& policy, std::uint32_t attempts,
                                      std::optional<std::chrono::seconds> retry_after, Random& random);

// The longest that retry_delay answers: what is stored further in the future is a clock's mistake.
std::chrono::seconds retry_delay_max(const RetryPolicy& policy);

}  // namespace bulkhead::queue

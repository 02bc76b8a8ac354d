#include "src/queue/retry.h"

#include <algorithm>

namespace bulkhead::queue {
namespace {

constexpr std::chrono::seconds kRetryAfterMax = std::chrono::hours{24};
// RFC 5321 §4.5.4.1 wants half an hour; a policy without intervals gets that.
constexpr std::chrono::seconds kDefaultInterval = std::chrono::minutes{30};

std::chrono::seconds interval_of(const RetryPolicy& policy, std::uint32_t attempts) {
  if (policy.intervals.empty()) return kDefaultInterval;
  const std::size_t index = std::min<std::size_t>(attempts == 0 ? 0 : attempts - 1, policy.intervals.size() - 1);
  return policy.intervals[index];
}

}  // namespace

std::chrono::microseconds retry_delay(const RetryPolicy& policy, std::uint32_t attempts,
                                      std::optional<std::chrono::seconds> retry_after, Random& random) {
  auto interval = interval_of(policy, attempts);
  if (retry_after)
    interval = std::clamp(*retry_after, std::min(interval_of(policy, 1), kRetryAfterMax), kRetryAfterMax);
  const double share = retry_after ? policy.jitter * random.uniform()  // asked for: never sooner
                                   : policy.jitter * (2 * random.uniform() - 1);
  const std::chrono::duration<double, std::micro> exact = interval;
  return std::chrono::microseconds{static_cast<std::int64_t>(exact.count() * (1 + share))};
}

std::chrono::seconds retry_delay_max(const RetryPolicy& policy) {
  std::chrono::seconds longest = kRetryAfterMax;
  for (const auto interval : policy.intervals) longest = std::max(longest, interval);
  return std::chrono::duration_cast<std::chrono::seconds>(longest * (1 + policy.jitter)) + std::chrono::seconds{1};
}

}  // namespace bulkhead::queue

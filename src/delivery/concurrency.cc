#include "src/delivery/concurrency.h"

#include <algorithm>

namespace bulkhead::delivery {

std::uint32_t ConcurrencyWindow::places(SteadyTime now) const {
  if (now < paused_until_) return 0;
  return failures_ > 0 ? 1 : static_cast<std::uint32_t>(window_);
}

std::optional<SteadyTime> ConcurrencyWindow::paused_until(SteadyTime now) const {
  return now < paused_until_ ? std::optional{paused_until_} : std::nullopt;
}

bool ConcurrencyWindow::is_careful(SteadyTime now) const {
  return now < paused_until_ || (failures_ == 0 && window_ < kFirst);
}

void ConcurrencyWindow::taken() {
  failures_ = 0;
  paused_until_ = SteadyTime::min();
  window_ = std::min(window_ + 1 / window_, kMost);
}

void ConcurrencyWindow::slowed(SteadyTime now, Random& random) {
  if (halved_at_ != SteadyTime::min() && now - halved_at_ < kHalvingInterval) return;
  halved_at_ = now;
  const bool is_least = window_ < 2;
  window_ = std::max(window_ / 2, 1.0);
  // Even one connection is too much for it.
  if (is_least) pause(now, random);
}

void ConcurrencyWindow::unreachable(SteadyTime now, Random& random) {
  // Connections that were begun before the pause tell nothing new.
  if (now < paused_until_) return;
  window_ = std::max(window_ / 2, 1.0);
  pause(now, random);
}

void ConcurrencyWindow::pause(SteadyTime now, Random& random) {
  const auto doublings = std::min<std::uint32_t>(failures_++, 16);
  const auto length = std::min<std::chrono::milliseconds>(kPauseFirst * (1LL << doublings), pause_most_);
  const double jitter = 1 + kJitter * (2 * random.uniform() - 1);
  const auto jittered = std::chrono::duration<double, std::milli>{static_cast<double>(length.count()) * jitter};
  paused_until_ = now + std::chrono::ceil<SteadyTime::duration>(jittered);
}

}  // namespace bulkhead::delivery

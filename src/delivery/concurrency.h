// How many connections an address may have to a site now, learned from how the site answers.
//
// Grows by 1/N with each message that the site takes, so by one with each round of all N connections; halves when it
// asks for less (421, or a connection that it cuts). When it cannot be reached, nothing is tried for a while that
// doubles with each failure; then one connection probes it. A plain object; its owner guards it.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/clock.h"
#include "src/base/random.h"

namespace bulkhead::delivery {

class ConcurrencyWindow {
 public:
  static constexpr double kFirst = 5;
  static constexpr double kMost = 500;
  static constexpr std::chrono::milliseconds kHalvingInterval{2000};
  static constexpr std::chrono::milliseconds kPauseFirst{2000};
  static constexpr std::chrono::milliseconds kPauseMost = std::chrono::minutes{5};
  static constexpr double kJitter = 0.2;  // ± share of a pause

  // `pause_most`: no longer than the mail itself waits for its next attempt.
  explicit ConcurrencyWindow(std::chrono::milliseconds pause_most = kPauseMost) : pause_most_(pause_most) {}

  // Connections that may be open now: none during a pause, one as a probe after it.
  std::uint32_t places(SteadyTime now) const;
  std::optional<SteadyTime> paused_until(SteadyTime now) const;
  // Whether a new one in its place would trouble the site: it is to be left alone now, or takes less than a new one
  // has.
  bool is_careful(SteadyTime now) const;

  void taken();
  // Heard by several connections at once, it counts once.
  void slowed(SteadyTime now, Random& random);
  void unreachable(SteadyTime now, Random& random);
  // The next connection may probe at once; another failure pauses for as long as it would have.
  void end_pause() { paused_until_ = SteadyTime::min(); }

 private:
  void pause(SteadyTime now, Random& random);

  std::chrono::milliseconds pause_most_;
  double window_ = kFirst;
  std::uint32_t failures_ = 0;  // in a row
  SteadyTime halved_at_ = SteadyTime::min();
  SteadyTime paused_until_ = SteadyTime::min();
};

}  // namespace bulkhead::delivery

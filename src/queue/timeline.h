// The queue's own time: wall time at its start, plus steady time since. When the wall clock jumps, nothing expires,
// nothing is tried early, and nothing stops.
#pragma once

#include "src/base/clock.h"

namespace bulkhead::queue {

class Timeline final : public Clock {
 public:
  explicit Timeline(const Clock& clock)
      : clock_(clock), wall_at_start_(clock.now()), steady_at_start_(clock.steady()) {}

  UtcTime now() const override {
    return wall_at_start_ + std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - steady_at_start_);
  }
  SteadyTime steady() const override { return clock_.steady(); }

 private:
  const Clock& clock_;
  const UtcTime wall_at_start_;
  const SteadyTime steady_at_start_;
};

}  // namespace bulkhead::queue

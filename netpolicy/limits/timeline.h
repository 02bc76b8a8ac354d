// The limiter's time: it begins at the wall clock's and then goes on with the steady one, so that a step of the wall
// clock neither frees a limit nor stretches it, and yet what is stored means the same after a restart.
#pragma once

#include "netpolicy/limits/bucket.h"
#include "src/base/clock.h"

namespace bulkhead::netpolicy {

// Thread-safe; `clock` outlives it.
class Timeline {
 public:
  explicit Timeline(const Clock& clock)
      : clock_(clock),
        wall_start_(std::chrono::nanoseconds{clock.now().time_since_epoch()}.count()),
        steady_start_(clock.steady()) {}

  Ticks now() const { return wall_start_ + std::chrono::nanoseconds{clock_.steady() - steady_start_}.count(); }
  // As the wall clock will show it, if it is not set meanwhile; rounded up, so that the moment has come by then.
  UtcTime utc(Ticks ticks) const {
    const std::chrono::nanoseconds ahead{ticks - now()};
    return clock_.now() + std::chrono::ceil<std::chrono::microseconds>(ahead);
  }

 private:
  const Clock& clock_;
  const Ticks wall_start_;
  const SteadyTime steady_start_;
};

}  // namespace bulkhead::netpolicy

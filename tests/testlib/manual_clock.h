// A clock that stands still until a test moves it.
#pragma once

#include "src/base/clock.h"

namespace bulkhead::testlib {

class ManualClock final : public Clock {
 public:
  UtcTime now() const override { return now_; }
  SteadyTime steady() const override { return steady_; }
  void advance(std::chrono::microseconds by) {
    now_ += by;
    steady_ += by;
  }
  // The wall clock jumps; steady time does not.
  void step(std::chrono::microseconds by) { now_ += by; }

 private:
  UtcTime now_{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
  SteadyTime steady_{std::chrono::hours{1}};
};

}  // namespace bulkhead::testlib

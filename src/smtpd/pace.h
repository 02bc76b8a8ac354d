// Whether a message arrives fast enough. A value; the clock is the caller's.
#pragma once

#include <chrono>
#include <cstdint>

#include "src/base/clock.h"
#include "src/smtpd/settings.h"

namespace bulkhead::smtpd {

class Pace {
 public:
  void begin(SteadyTime now) { *this = Pace{now}; }
  // After each read. False: the window has passed, and what came within it is too little.
  bool count(std::uint64_t bytes, SteadyTime now, const Settings& settings) {
    bytes_ += bytes;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
    if (elapsed < settings.data_window) return true;
    const auto wanted = settings.data_bytes_per_minute_min * static_cast<std::uint64_t>(elapsed.count()) / 60000;
    const bool is_fast_enough = bytes_ >= wanted;
    begin(now);
    return is_fast_enough;
  }

  Pace() = default;

 private:
  explicit Pace(SteadyTime began) : began_(began) {}
  SteadyTime began_{};
  std::uint64_t bytes_ = 0;
};

}  // namespace bulkhead::smtpd

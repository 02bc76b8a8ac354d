// The source of time, passed to whatever needs it, so that tests and simulations bring their own.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

// Wall-clock time in UTC, with microseconds: what is stored, shown and compared across restarts. It may jump.
using UtcTime = std::chrono::sys_time<std::chrono::microseconds>;
// Time that only goes forward within one run of the program: what timeouts and rates are measured with.
using SteadyTime = std::chrono::steady_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcTime now() const = 0;
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  UtcTime now() const override;
  SteadyTime steady() const override;
};

// RFC 3339 in UTC with milliseconds: 2026-11-23T01:02:03.456Z.
std::string to_rfc3339(UtcTime time);
// RFC 3339 with "Z" or a numeric offset, fraction optional.
std::optional<UtcTime> parse_rfc3339(std::string_view text);
// RFC 5322 §3.3, in UTC: Mon, 23 Nov 2026 01:02:03 +0000.
std::string to_rfc5322(UtcTime time);

}  // namespace bulkhead

// The settings of the monitor of lists and readiness.
#pragma once

#include <chrono>
#include <cstdint>

#include "monitoring/listings/watch.h"

namespace bulkhead::app {

enum class ReadinessGate : std::uint8_t {
  kOff,      // nothing is checked
  kWarn,     // what is not ready is told
  kRequire,  // and an address sends nothing before it was ready once
};

struct MonitorSettings {
  listings::WatchSettings lists;
  ReadinessGate gate = ReadinessGate::kWarn;
  std::chrono::seconds readiness_interval = std::chrono::hours{1};
};

}  // namespace bulkhead::app

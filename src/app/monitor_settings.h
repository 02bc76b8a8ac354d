// The settings of the monitor of lists and readiness.
#pragma once

#include <chrono>

#include "monitoring/listings/watch.h"
#include "netpolicy/readiness_watch.h"

namespace bulkhead::app {

struct MonitorSettings {
  listings::WatchSettings lists;
  netpolicy::ReadinessGate gate = netpolicy::ReadinessGate::kNew;
  std::chrono::seconds readiness_interval = std::chrono::hours{1};
  std::chrono::seconds readiness_patience = std::chrono::hours{1};
};

}  // namespace bulkhead::app

// What `bulkhead check` finds out about the DNS servers.
#pragma once

#include <vector>

#include "src/app/host_check.h"
#include "src/base/log.h"

namespace bulkhead::app {

// Asks each of the configured or the system's servers once; blocks for at most three seconds a server.
std::vector<Finding> check_dns(const Configuration& configuration, Log& log);

}  // namespace bulkhead::app

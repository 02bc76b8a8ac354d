// What `bulkhead check` finds out about the node's certificate.
#pragma once

#include <optional>

#include "src/app/host_check.h"

namespace bulkhead::app {

// Nothing when none is configured: the server makes its own.
std::optional<Finding> check_certificate(const Configuration& configuration);

}  // namespace bulkhead::app

// What `bulkhead check` finds out about the directory besides its addresses.
#pragma once

#include <vector>

#include "src/app/host_check.h"

namespace bulkhead::app {

// Aliases, catch-alls and postmasters that lead to nobody, and notices that cannot leave. Nothing before there is a
// directory. Blocks: looks through at most 100,000 aliases.
std::vector<Finding> check_targets(const Configuration& configuration);

}  // namespace bulkhead::app

// What `bulkhead check` finds out about the files that the configuration names.
#pragma once

#include <vector>

#include "src/app/host_check.h"

namespace bulkhead::app {

// The certificate, its key, and the rules for replies: each is looked at, whatever is wrong with the others.
std::vector<Finding> check_files(const Configuration& configuration);

}  // namespace bulkhead::app

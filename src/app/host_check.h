// What `bulkhead check` looks at on this host besides the configuration's text.
#pragma once

#include <string>
#include <vector>

#include "src/app/configuration.h"

namespace bulkhead::app {

enum class Severity { kOk, kWarning, kFault };

struct Finding {
  Severity severity = Severity::kOk;
  std::string what;    // a sentence
  std::string advice;  // what to do; "" when nothing is
};

// User, data directory, free space, descriptors, clock, ports, the admin socket. Changes nothing; blocks shortly.
std::vector<Finding> check_host(const Configuration& configuration);
// What of it needs no configuration.
std::vector<Finding> check_any_host();

}  // namespace bulkhead::app

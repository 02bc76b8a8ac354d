// The verb "check": every fault of the configuration at once, and a look at the host.
#pragma once

#include <string>

namespace bulkhead::app {

enum class Form { kText, kJson };

// Prints findings, as lines or as one JSON array of {severity, what, advice}; exit status 0 when nothing is wrong
// (warnings are allowed), 1 otherwise. Changes nothing.
int check(const std::string& configuration_file, Form form);

}  // namespace bulkhead::app

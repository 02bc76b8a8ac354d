// What was done about somebody, as lines of a history.
#pragma once

#include <vector>

#include "src/admin/json.h"
#include "src/admin/reputation_desk.h"

namespace bulkhead::admin {

// The steps of its cases, and what came without one: that it was watched, and that this is over.
// And its latest exemption. The oldest first.
Json past_of(const reputation::Standing& standing, const std::vector<cases::Case>& its_cases, UtcTime now);

}  // namespace bulkhead::admin

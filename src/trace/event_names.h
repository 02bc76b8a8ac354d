// The names of all kinds of events, for those who list or explain them.
#pragma once

#include <string_view>
#include <vector>

namespace bulkhead::trace {

// In the order of EventKind.
std::vector<std::string_view> event_names();

}  // namespace bulkhead::trace

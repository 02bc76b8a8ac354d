// The version of the program, as `bulkhead version` and the metrics tell it.
#pragma once

namespace bulkhead::app {

inline constexpr const char* kVersion = BULKHEAD_VERSION;

}  // namespace bulkhead::app

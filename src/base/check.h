// Checks for our own bugs, on in release builds too. Never for input: bad input is an error value.
#pragma once

namespace bulkhead {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define BULKHEAD_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::bulkhead::check_failed(#condition, __FILE__, __LINE__))

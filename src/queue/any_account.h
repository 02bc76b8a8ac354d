// A selector whose account is "*" means what any account has handed in, not what was received, reported or forwarded.
#pragma once

#include <string_view>

namespace bulkhead::queue {

inline constexpr std::string_view kAnyAccount = "*";

}  // namespace bulkhead::queue

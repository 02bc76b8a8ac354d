// Orders about the queue that a case gives name it as who gave them: "reputation 01J…".
#pragma once

#include <string_view>

namespace bulkhead::cases {

inline constexpr std::string_view kOrderedBy = "reputation ";  // and the id of the case

}  // namespace bulkhead::cases

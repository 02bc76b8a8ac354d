// Whether something was met before, in bounded memory.
#pragma once

#include <initializer_list>
#include <string_view>

#include "monitoring/reputation/generations.h"

namespace bulkhead::reputation {

// Not thread-safe. Remembers for a day at least, unless more than `size_max` others came since.
class SeenLately {
 public:
  explicit SeenLately(std::size_t size_max = 50'000) : seen_(size_max, std::chrono::hours{24}) {}

  // Whether these parts together were not met lately. Remembers them. ASCII letters are folded.
  bool is_first(std::initializer_list<std::string_view> parts, UtcTime now);

 private:
  Generations<bool> seen_;
};

}  // namespace bulkhead::reputation

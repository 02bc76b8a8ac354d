// Whether something was met before, in bounded memory.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <unordered_set>

#include "src/base/clock.h"

namespace bulkhead::reputation {

// Not thread-safe. Remembers hashes in two generations; the older one is forgotten whole when the younger is full or a
// day old. So a thing is remembered for a day at least, unless more than a generation of others came since.
class SeenLately {
 public:
  explicit SeenLately(std::size_t generation_max = 50'000) : generation_max_(generation_max) {}

  // Whether these parts together were not met lately. Remembers them. ASCII letters are folded.
  bool is_first(std::initializer_list<std::string_view> parts, UtcTime now);

 private:
  std::size_t generation_max_;
  UtcTime began_{};
  std::unordered_set<std::uint64_t> younger_, older_;
};

}  // namespace bulkhead::reputation

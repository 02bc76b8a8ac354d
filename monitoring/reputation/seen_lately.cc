#include "monitoring/reputation/seen_lately.h"

#include <string>
#include <utility>

#include "monitoring/reputation/distinct_count.h"

namespace bulkhead::reputation {

bool SeenLately::is_first(std::initializer_list<std::string_view> parts, UtcTime now) {
  std::string whole;
  for (const auto part : parts) whole.append(part).append(1, '\0');
  return !std::exchange(seen_.at(distinct_hash(whole), now), true);
}

}  // namespace bulkhead::reputation

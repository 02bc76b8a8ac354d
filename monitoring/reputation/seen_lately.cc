#include "monitoring/reputation/seen_lately.h"

#include <chrono>
#include <string>
#include <utility>

#include "monitoring/reputation/distinct_count.h"

namespace bulkhead::reputation {

bool SeenLately::is_first(std::initializer_list<std::string_view> parts, UtcTime now) {
  if (younger_.size() >= generation_max_ || now - began_ >= std::chrono::hours{24}) {
    older_ = std::exchange(younger_, {});
    began_ = now;
  }
  std::string whole;
  for (const auto part : parts) whole.append(part).append(1, '\0');
  const std::uint64_t hash = distinct_hash(whole);
  if (older_.contains(hash)) return false;
  return younger_.insert(hash).second;
}

}  // namespace bulkhead::reputation

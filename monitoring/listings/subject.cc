#include "monitoring/listings/subject.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "src/base/special_networks.h"

namespace bulkhead::listings {

namespace {

constexpr std::array<std::string_view, 9> kNames{"test",  "example",     "invalid",     "localhost",  "local",
                                                 "onion", "example.com", "example.net", "example.org"};
constexpr std::array<std::string_view, 3> kInternalNames{"alt", "internal", "home.arpa"};

bool ends_in(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

}  // namespace

bool is_public(const Subject& subject) {
  if (subject.is_address()) return is_globally_routed(subject.ip);
  const auto is_under = [&](std::string_view name) { return ends_in(subject.domain, name); };
  return std::none_of(kNames.begin(), kNames.end(), is_under) &&
         std::none_of(kInternalNames.begin(), kInternalNames.end(), is_under);
}

}  // namespace bulkhead::listings

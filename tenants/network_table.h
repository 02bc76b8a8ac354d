// Finds by IP address what was filed under the networks that hold it, the longest prefix first.
#pragma once

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "src/base/ip_address.h"

namespace bulkhead::tenants {

// The first `prefix` bits of `ip`, the rest zero.
inline IpAddress masked(const IpAddress& ip, int prefix) {
  std::array<std::uint8_t, 16> bytes{};
  const auto from = ip.bytes();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const int kept = std::clamp(prefix - static_cast<int>(i) * 8, 0, 8);
    bytes[i] = static_cast<std::uint8_t>(static_cast<unsigned char>(from[i]) & (0xFF00U >> kept));
  }
  if (ip.family() == Family::kIpv4) return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  return IpAddress::v6(bytes);
}

// One hash lookup for each prefix length in use, few in practice. `Value` is a pointer.
template <class Value>
class NetworkTable {
 public:
  void add(const IpNetwork& network, Value value) {
    auto& levels = levels_[index(network.address)];
    auto level = std::find_if(levels.begin(), levels.end(), [&](const auto& l) { return l.prefix == network.prefix; });
    if (level == levels.end()) level = levels.insert(levels.end(), Level{network.prefix, {}});
    level->values[network.address].push_back(value);
  }

  // To be called once, after the last add().
  void sort() {
    for (auto& levels : levels_) {
      std::sort(levels.begin(), levels.end(), [](const auto& a, const auto& b) { return a.prefix > b.prefix; });
    }
  }

  // The first value under the longest prefix that `is_fit` accepts; null when there is none.
  template <class Predicate>
  Value find(const IpAddress& ip, const Predicate& is_fit) const {
    for (const auto& level : levels_[index(ip)]) {
      const auto found = level.values.find(masked(ip, level.prefix));
      if (found == level.values.end()) continue;
      const auto fit = std::find_if(found->second.begin(), found->second.end(), is_fit);
      if (fit != found->second.end()) return *fit;
    }
    return nullptr;
  }

 private:
  struct Level {
    int prefix = 0;
    std::unordered_map<IpAddress, std::vector<Value>> values;
  };
  static std::size_t index(const IpAddress& ip) { return ip.family() == Family::kIpv4 ? 0 : 1; }

  std::array<std::vector<Level>, 2> levels_;
};

}  // namespace bulkhead::tenants

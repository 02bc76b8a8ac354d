#include "src/base/special_networks.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace bulkhead {

namespace {

constexpr std::array<std::string_view, 16> kIpv4{
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",       "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",    "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",  "240.0.0.0/4",    "255.255.255.255/32"};
constexpr std::array<std::string_view, 9> kIpv6{"::/128",        "::1/128",  "64:ff9b:1::/48", "100::/64", "2001::/23",
                                                "2001:db8::/32", "fc00::/7", "fe80::/10",      "ff00::/8"};

template <std::size_t N>
std::array<IpNetwork, N> parsed(const std::array<std::string_view, N>& texts) {
  std::array<IpNetwork, N> networks;
  for (std::size_t i = 0; i < N; ++i) networks[i] = *IpNetwork::parse(texts[i]);
  return networks;
}

template <std::size_t N>
bool is_in_any(const std::array<IpNetwork, N>& networks, const IpAddress& ip) {
  return std::ranges::any_of(networks, [&](const IpNetwork& network) { return network.contains(ip); });
}

}  // namespace

bool is_globally_routed(const IpAddress& ip) {
  static const auto kIpv4Networks = parsed(kIpv4);
  static const auto kIpv6Networks = parsed(kIpv6);
  return ip.family() == Family::kIpv4 ? !is_in_any(kIpv4Networks, ip) : !is_in_any(kIpv6Networks, ip);
}

}  // namespace bulkhead

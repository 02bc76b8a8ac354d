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
bool is_in_any(const std::array<std::string_view, N>& networks, const IpAddress& ip) {
  return std::any_of(networks.begin(), networks.end(), [&](std::string_view text) {
    const auto network = IpNetwork::parse(text);
    return network && network->contains(ip);
  });
}

}  // namespace

bool is_globally_routed(const IpAddress& ip) {
  return ip.family() == Family::kIpv4 ? !is_in_any(kIpv4, ip) : !is_in_any(kIpv6, ip);
}

}  // namespace bulkhead

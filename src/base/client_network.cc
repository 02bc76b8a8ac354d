#include "src/base/client_network.h"

#include <algorithm>

namespace bulkhead {

IpAddress client_network(const IpAddress& client) {
  if (client.family() == Family::kIpv4) return client;
  std::array<std::uint8_t, 16> network{};
  std::copy_n(client.bytes().begin(), 8, network.begin());
  return IpAddress::v6(network);
}

}  // namespace bulkhead

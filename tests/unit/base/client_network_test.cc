#include "src/base/client_network.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

std::string network_of(const char* ip) {
  return client_network(*IpAddress::parse(ip)).text();
}

TEST(ClientNetwork, IsTheAddressItselfInIpv4AndThe64InIpv6) {
  EXPECT_EQ(network_of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(network_of("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(network_of("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::");
  EXPECT_EQ(network_of("2001:db8:1:2::"), "2001:db8:1:2::");
}

}  // namespace
}  // namespace bulkhead

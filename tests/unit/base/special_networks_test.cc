#include "src/base/special_networks.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

bool is_routed(const char* ip) {
  return is_globally_routed(*IpAddress::parse(ip));
}

TEST(SpecialNetworks, ThePublicInternetIsRouted) {
  for (const char* ip : {"11.1.2.3", "9.255.255.255", "100.63.255.255", "100.128.0.0", "172.32.0.0", "192.0.1.0",
                         "198.20.0.0", "223.255.255.255", "2a00::1", "2600::1", "2001:200::1"}) {
    EXPECT_TRUE(is_routed(ip)) << ip;
  }
}

TEST(SpecialNetworks, WhatIsSetAsideIsNot) {
  for (const char* ip :
       {"0.0.0.1",   "10.0.0.1",        "100.64.0.0",  "127.0.0.1",  "169.254.1.1",  "172.16.0.0",  "172.31.0.1",
        "192.0.0.1", "192.0.2.1",       "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::",          "::1",        "64:ff9b:1::1", "100::1",      "2001:db8::1",
        "2001::1",   "fc00::1",         "fd00::1",     "fe80::1",    "ff02::1"}) {
    EXPECT_FALSE(is_routed(ip)) << ip;
  }
}

}  // namespace
}  // namespace bulkhead

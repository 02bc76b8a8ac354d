// Addresses that are not for the public Internet: private, loopback, link-local, documentation, multicast (RFC 6890).
#pragma once

#include "src/base/ip_address.h"

namespace bulkhead {

bool is_globally_routed(const IpAddress& ip);

}  // namespace bulkhead

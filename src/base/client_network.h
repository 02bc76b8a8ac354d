// What one client is counted as, wherever clients are counted, slowed down or named.
#pragma once

#include "src/base/ip_address.h"

namespace bulkhead {

// An IPv4 address is itself. Whoever has an IPv6 address has at least its /64, so that counts as one: its base.
IpAddress client_network(const IpAddress& client);

}  // namespace bulkhead

// What the queue asks of the directory: who is suspended, and which account a name means.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "netpolicy/host_addresses.h"
#include "src/queue/queue.h"
#include "tenants/live_directory.h"

namespace bulkhead::netpolicy {
class Limiter;
}

namespace bulkhead::app {

// Sets the hooks of `parts` that the directory answers. It must outlive the queue.
void connect_directory(queue::Queue::Parts& parts, tenants::LiveDirectory& directory, netpolicy::Limiter& limiter);

// The addresses that a lane's mail would leave from now, that of the arrival address's family first.
std::vector<IpAddress> sources_of(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host,
                                  const queue::LaneKey& lane);

// The one of them that it leaves from, unless the remote host has addresses of the other family alone. Nothing while it
// must wait for an address.
std::optional<IpAddress> likely_source(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host,
                                       const queue::LaneKey& lane);

}  // namespace bulkhead::app

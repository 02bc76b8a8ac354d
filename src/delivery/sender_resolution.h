// Where a report to a sender goes: its local accounts, its forwards, or the address itself when it is remote.
#pragma once

#include <functional>
#include <vector>

#include "src/queue/queue.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

using SenderResolution =
    std::function<Task<Result<std::vector<queue::QueuedRecipient>>>(net::Shard&, TenantId, mail::Address)>;

// `directory` outlives the function.
SenderResolution sender_resolution(tenants::LiveDirectory& directory);

}  // namespace bulkhead::app

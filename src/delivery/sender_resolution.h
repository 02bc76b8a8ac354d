// Where a report to a sender goes: its local accounts, its forwards, or the address itself when it is remote. A
// suspended account's waits for it in the queue. An address whose aliases lead in a circle counts as remote: the report
// then fails where everybody can see it. Only an address that nobody has gets none.
#pragma once

#include <functional>
#include <vector>

#include "src/queue/queue.h"
#include "tenants/live_directory.h"

namespace bulkhead::delivery {

using SenderResolution =
    std::function<Task<Result<std::vector<queue::QueuedRecipient>>>(net::Shard&, TenantId, mail::Address)>;

// `directory` outlives the function.
SenderResolution sender_resolution(tenants::LiveDirectory& directory);

}  // namespace bulkhead::delivery

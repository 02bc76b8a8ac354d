// Mail of a suspended tenant stays in the queue until the tenant is resumed.
#pragma once

#include "src/queue/job.h"
#include "tenants/live_directory.h"

namespace bulkhead::delivery {

// True when the tenant is suspended: then `outcome` says that its lane is held, and why.
bool hold_if_suspended(const tenants::Snapshot& directory, const TenantId& id, queue::Outcome& outcome);

}  // namespace bulkhead::delivery

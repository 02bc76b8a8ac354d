// Carries the deliveries to mailboxes of this node. The mailbox's rows ride in the outcome's commit: a message is in
// the mailbox exactly when the queue no longer has it, crash or not.
#pragma once

#include "src/delivery/workshop.h"

namespace bulkhead::delivery {

// Until the lane has no more work.
Task<void> run_local_worker(Workshop& workshop, queue::LaneKey lane);

}  // namespace bulkhead::delivery

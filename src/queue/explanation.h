// What a delivery waits for, since when, until when, and what would change it.
#pragma once

#include "src/queue/directive_set.h"
#include "src/queue/listing.h"
#include "src/queue/records.h"

namespace bulkhead::queue {

// Fills what tells that in a view whose message and state are set. `directives`: those in force, or null.
void explain(DeliveryView& view, const ListingRow& row, const DeliveryRecord& record, const DirectiveSet* directives);

}  // namespace bulkhead::queue

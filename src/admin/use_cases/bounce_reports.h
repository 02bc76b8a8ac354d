// Whom an order to bounce will tell. Senders outside are not told of mail that an administrator returns, unless that is
// asked for: in an outbreak they are forged, and reports to them are the next outbreak.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// In deliveries.
struct ReportCounts {
  std::uint64_t told = 0;
  std::uint64_t outside = 0;  // not told: the sender is no address of ours
  std::uint64_t null = 0;     // not told: the null sender, for whom there never is a report
};

// For what the selector means at this moment, as far as the busiest senders and the counters tell; where messages would
// have to be read, nothing is counted. Before the order is given: after it there is nothing left to count.
Task<ReportCounts> count_reports(const AdminServices& services, net::Shard& shard, queue::Selector selector,
                                 bool reports_to_all);

// With "unknown", what is left of all `deliveries`.
Json reports_json(const ReportCounts& counts, std::uint64_t deliveries);

}  // namespace bulkhead::admin

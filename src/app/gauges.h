// The metrics that are asked for when Prometheus reads: what is in the queue, the store, the trace, the sessions.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "monitoring/metrics.h"
#include "netpolicy/host_addresses.h"
#include "src/smtpd/census.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

struct GaugeSources {  // all outlive the metrics' providers: call Metrics::withdraw_providers() before they die
  store::Store& store;
  trace::Trace& trace;
  tenants::LiveDirectory& directory;
  netpolicy::HostAddressMonitor& host;
  std::function<std::map<std::string, std::uint64_t>()> sessions;  // by protocol
  std::function<std::map<std::string, std::uint64_t>()> queue;     // deliveries by state
  std::function<std::uint64_t()> queue_max;                        // deliveries that it takes; 0: any number
  std::function<const smtpd::Counters&()> smtp;
};

void provide_gauges(monitoring::Metrics& metrics, GaugeSources sources);

}  // namespace bulkhead::app

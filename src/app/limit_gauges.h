// The metrics of limits and sites, asked for when Prometheus reads.
#pragma once

#include "monitoring/metrics.h"
#include "netpolicy/limits/bucket_storage.h"
#include "src/delivery/site_gate.h"

namespace bulkhead::app {

struct LimitSources {  // all outlive the metrics' providers: call Metrics::withdraw_providers() before they die
  netpolicy::Limiter& limiter;
  const netpolicy::BucketStorage& storage;
  const delivery::SiteGate& sites;
};

void provide_limit_gauges(monitoring::Metrics& metrics, LimitSources sources);

}  // namespace bulkhead::app

#include "src/app/limit_gauges.h"

namespace bulkhead::app {

using monitoring::Metric;
using monitoring::Metrics;

namespace {

void provide_decisions(Metrics& metrics, Metric metric, const netpolicy::Limiter& limiter,
                       std::uint64_t netpolicy::Limiter::Count::*which) {
  metrics.provide(metric, [&limiter, which](const Metrics::Emit& emit) {
    for (const auto& count : limiter.counts()) {
      if (count.*which == 0) continue;
      emit({to_string(count.scope), to_string(count.measure)}, static_cast<double>(count.*which));
    }
  });
}

}  // namespace

void provide_limit_gauges(Metrics& metrics, LimitSources sources) {
  const auto number = [&metrics](Metric metric, auto read) {
    metrics.provide(metric, [read](const Metrics::Emit& emit) { emit({}, static_cast<double>(read())); });
  };
  auto& limiter = sources.limiter;
  const auto& storage = sources.storage;
  const auto& sites = sources.sites;
  provide_decisions(metrics, Metric::kLimitRefusals, limiter, &netpolicy::Limiter::Count::refused);
  provide_decisions(metrics, Metric::kLimitPaced, limiter, &netpolicy::Limiter::Count::paced);
  number(Metric::kLimitBuckets, [&limiter] { return limiter.table().size(); });
  number(Metric::kLimitBucketsForgotten, [&limiter] { return limiter.table().forgotten_early(); });
  number(Metric::kLimitStorageFailures, [&storage] { return storage.failures(); });
  number(Metric::kSiteConnections, [&sites] { return sites.readings().connections; });
  number(Metric::kSitesPaused, [&sites] { return sites.readings().paused; });
}

}  // namespace bulkhead::app

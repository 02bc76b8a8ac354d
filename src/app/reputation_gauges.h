// The metrics of reputation that are asked for when they are read.
#pragma once

#include "monitoring/metrics.h"
#include "src/app/reply_rules.h"
#include "src/app/reputation_loop.h"

namespace bulkhead::app {

// Both outlive the metrics' providers.
void provide_reputation_gauges(monitoring::Metrics& metrics, const ReputationLoop& loop, const ReplyRules& rules);

}  // namespace bulkhead::app

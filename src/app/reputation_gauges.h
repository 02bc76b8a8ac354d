// The metrics of reputation and of webhooks that are asked for when they are read.
#pragma once

#include "monitoring/metrics.h"
#include "src/app/reply_rules.h"
#include "src/app/reputation_loop.h"
#include "src/app/webhooks.h"

namespace bulkhead::app {

// All outlive the metrics' providers.
void provide_reputation_gauges(monitoring::Metrics& metrics, const ReputationLoop& loop, const ReplyRules& rules);
void provide_webhook_gauges(monitoring::Metrics& metrics, const Webhooks& webhooks);

}  // namespace bulkhead::app

// What each part is told of the configuration.
#pragma once

#include "src/app/configuration.h"
#include "src/app/monitor_settings.h"
#include "src/delivery/settings.h"
#include "src/queue/queue.h"
#include "src/smtpd/settings.h"

namespace bulkhead::app {

queue::RetryPolicy retry_policy(const Configuration& configuration);
// How many deliveries the queue takes.
std::uint64_t deliveries_max(const Configuration& configuration);
smtpd::Settings smtpd_settings(const Configuration& configuration);
delivery::Settings delivery_settings(const Configuration& configuration);
MonitorSettings monitor_settings(const Configuration& configuration);

}  // namespace bulkhead::app

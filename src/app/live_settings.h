// The settings of the file that hold without a restart: hands them to the parts that run.
#pragma once

#include <memory>
#include <vector>

#include "src/app/address_monitor.h"
#include "src/app/configuration.h"
#include "src/delivery/courier.h"
#include "src/delivery/site_gate.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "src/queue/queue.h"
#include "src/smtpd/server.h"

namespace bulkhead::app {

struct LiveParts {  // all outlive the runtime's work
  net::Runtime& runtime;
  smtpd::SmtpServer& smtp;
  queue::Queue& queue;
  delivery::SiteGate& gate;
  std::vector<std::unique_ptr<delivery::Courier>>& couriers;  // one of each shard
  std::vector<std::unique_ptr<net::Resolver>>& resolvers;     // the same
  AddressMonitor& monitor;
};

// On the main thread, while the runtime runs; each shard takes them over on its own.
void make_hold(const Configuration& configuration, const ConfigurationChange& change, const LiveParts& parts);

}  // namespace bulkhead::app

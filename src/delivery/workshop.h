// What the workers of one shard share.
#pragma once

#include "src/delivery/connector.h"
#include "src/delivery/dead_hosts.h"
#include "src/delivery/idle_connections.h"
#include "src/delivery/outgoing_body.h"
#include "src/delivery/parts.h"
#include "src/delivery/routing.h"

namespace bulkhead::delivery {

struct Workshop {
  Workshop(const Parts& given, Settings given_settings)
      : parts(given),
        settings(std::move(given_settings)),
        group(parts.shard, parts.log),
        router(parts.resolver, parts.clock, parts.random, settings),
        dead_hosts(parts.clock, settings.dead_host, settings.dead_hosts_max),
        connector(parts, settings, dead_hosts, group),
        idle(parts.clock, settings.idle, settings.idle_connections_max),
        reading{parts.shard, parts.pool, parts.store, parts.clock, parts.signer} {}

  const Parts parts;
  Settings settings;     // changed on the shard; its names and listeners stay
  net::TaskGroup group;  // every worker and every farewell
  Router router;
  DeadHosts dead_hosts;
  Connector connector;
  IdleConnections idle;
  const BodyReading reading;
  // New work is refused and idle connections are given up: the courier is stopping.
  bool is_stopping = false;
};

// Says goodbye in the background.
void bid_farewell(Workshop& workshop, LaneConnection connection);

}  // namespace bulkhead::delivery

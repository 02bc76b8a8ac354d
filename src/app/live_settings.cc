#include "src/app/live_settings.h"

#include <algorithm>

#include "src/app/endpoint_texts.h"
#include "src/app/settings.h"

namespace bulkhead::app {

void make_hold(const Configuration& configuration, const ConfigurationChange& change, const LiveParts& parts) {
  parts.smtp.change_settings(smtpd_settings(configuration));
  parts.queue.change_retry(retry_policy(configuration));
  parts.queue.change_deliveries_max(deliveries_max(configuration));
  parts.gate.change_pair_connections(configuration.delivery.connections_per_lane);
  parts.monitor.set(monitor_settings(configuration));
  const auto settings = delivery_settings(configuration);
  const auto servers = texts_of(configuration.dns.servers);
  const bool has_new_servers = std::find(change.live.begin(), change.live.end(), "[dns]") != change.live.end();
  if (has_new_servers) parts.monitor.use_servers(servers);
  for (std::size_t i = 0; i < parts.runtime.size(); ++i) {
    auto* const courier = parts.couriers[i].get();
    auto* const resolver = parts.resolvers[i].get();
    parts.runtime.shard(i).post([courier, resolver, settings, servers, has_new_servers] {
      courier->change_settings(settings);
      // The reader of the file has checked the addresses.
      if (has_new_servers) static_cast<void>(resolver->use_servers(servers));
    });
  }
}

}  // namespace bulkhead::app

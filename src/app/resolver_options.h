// What a resolver of this node is told: the configured servers, and where its look-ups are counted.
#pragma once

#include "monitoring/metrics.h"
#include "src/app/configuration.h"
#include "src/app/endpoint_texts.h"
#include "src/net/resolver.h"

namespace bulkhead::app {

// `metrics` outlives the resolver.
inline net::ResolverOptions resolver_options(const Configuration& configuration, monitoring::Metrics& metrics) {
  net::ResolverOptions options{.servers = texts_of(configuration.dns.servers)};
  options.on_lookup = [&metrics](const net::DnsLookup& lookup) {
    metrics.dns_lookup(lookup.outcome);
    if (lookup.took) metrics.dns_took(*lookup.took);
  };
  return options;
}

}  // namespace bulkhead::app

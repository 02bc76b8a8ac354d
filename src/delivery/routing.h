// Where the mail for a domain goes: a fixed route, an address literal, or the hosts of its MX records.
//
// One Router a shard; on that shard only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/delivery/settings.h"
#include "src/net/resolver.h"
#include "src/queue/job.h"
#include "tenants/live_directory.h"

namespace bulkhead::delivery {

// A destination that cannot be reached at all now, or ever.
struct Unroutable {
  queue::Fate fate = queue::Fate::kDeferred;
  queue::Answer answer;
};

struct Destination {
  std::vector<std::string> hosts;  // names or IP addresses, the best first
  std::uint16_t port = 25;
  tenants::RouteTls tls = tenants::RouteTls::kOpportunistic;
  bool is_route = false;  // an operator's choice: may lead to this very host
};

struct Routing {
  Destination destination;
  std::optional<Unroutable> refusal;  // when set, the destination means nothing
};

class Router {
 public:
  Router(net::Resolver& resolver, const Clock& clock, Random& random, const Settings& settings)
      : resolver_(resolver), clock_(clock), random_(random), settings_(settings) {}

  // RFC 5321 §5.1. No MX record: the domain itself. Null MX: 5.1.10 (RFC 7505). NXDOMAIN is found with the addresses.
  Task<Routing> route(tenants::SnapshotPtr directory, TenantId tenant, std::string domain);
  // The name of the site; the domain itself while its MX records are not known. Kept for some minutes.
  Task<std::string> site_of(tenants::SnapshotPtr directory, TenantId tenant, std::string domain);
  // The same where no name server has to be asked.
  std::optional<std::string> known_site_of(const tenants::Snapshot& directory, const TenantId& tenant,
                                           const std::string& domain) const;
  // Whether a route that was not there before the present snapshot takes a domain of this site away for the tenant, as
  // far as the site's domains are known here. Cheap where no route is new.
  bool is_rerouted(const tenants::SnapshotPtr& directory, const TenantId& tenant, const std::string& site);

 private:
  void learn_routes(const tenants::SnapshotPtr& directory);
  struct KnownSite {
    std::string site;
    SteadyTime until;
  };
  Routing from_mx(const tenants::SnapshotPtr& directory, const std::string& domain,
                  Result<std::vector<net::MxRecord>> records);
  bool is_our_name(std::string_view name) const { return our_names_.contains(std::string{name}); }
  void learn_our_names(const tenants::SnapshotPtr& directory);

  net::Resolver& resolver_;
  const Clock& clock_;
  Random& random_;
  const Settings& settings_;
  tenants::SnapshotPtr names_of_;  // the snapshot that our_names_ was made of
  std::unordered_set<std::string> our_names_;
  std::unordered_map<std::string, KnownSite> sites_;                   // by domain; bounded
  std::unordered_map<std::string, std::vector<std::string>> domains_;  // by site; of sites_
  tenants::SnapshotPtr routes_of_;                                     // the snapshot that the next two were made of
  std::unordered_set<RouteId> routes_, new_routes_;
};

}  // namespace bulkhead::delivery

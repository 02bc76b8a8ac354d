#include "src/delivery/routing.h"

#include <algorithm>
#include <utility>

#include "src/delivery/fate.h"
#include "src/delivery/mx_plan.h"
#include "src/delivery/site.h"

namespace bulkhead::delivery {

namespace {

constexpr std::size_t kKnownSitesMax = 20'000;
constexpr std::chrono::minutes kSiteKept{5};

Routing refuse(queue::Fate fate, std::string_view enhanced, std::string text) {
  Routing routing;
  routing.refusal = Unroutable{fate, own_answer(enhanced, std::move(text))};
  return routing;
}

// The address in an address literal's brackets, as text; nothing when `domain` is a name.
std::optional<std::string> literal_in(std::string_view domain) {
  if (!domain.starts_with('[') || !domain.ends_with(']')) return std::nullopt;
  std::string_view inner = domain.substr(1, domain.size() - 2);
  if (inner.starts_with("IPv6:")) inner.remove_prefix(5);
  return std::string{inner};
}

}  // namespace

Task<Routing> Router::route(tenants::SnapshotPtr directory, TenantId tenant, std::string domain) {
  if (const tenants::Route* route = directory->route(tenant, domain)) {
    co_return Routing{Destination{{route->host}, route->port, route->tls, true}, {}};
  }
  if (auto literal = literal_in(domain)) {
    co_return Routing{Destination{{std::move(*literal)}, settings_.port, {}, false}, {}};
  }
  auto records = co_await resolver_.mx(domain);
  co_return from_mx(directory, domain, std::move(records));
}

Routing Router::from_mx(const tenants::SnapshotPtr& directory, const std::string& domain,
                        Result<std::vector<net::MxRecord>> records) {
  if (!records && records.error().code != ErrorCode::kNotFound) {
    return refuse(queue::Fate::kDeferred, "4.4.3", "the DNS did not tell the mail hosts of " + domain);
  }
  Routing routing;
  routing.destination.port = settings_.port;
  learn_our_names(directory);
  if (!records || records->empty()) {
    if (is_our_name(domain)) {
      return refuse(queue::Fate::kFailed, "5.4.6", "mail for " + domain + " loops back to this server");
    }
    routing.destination.hosts = {domain};
    return routing;
  }
  const auto is_ours = [this](std::string_view name) { return is_our_name(name); };
  MxPlan plan = plan_hosts(std::move(*records), is_ours, settings_.hosts_max, random_);
  if (plan.kind == MxPlan::Kind::kNullMx) {
    return refuse(queue::Fate::kFailed, "5.1.10", "the domain " + domain + " declares that it takes no mail");
  }
  if (plan.kind == MxPlan::Kind::kLoop) {
    return refuse(queue::Fate::kFailed, "5.4.6",
                  "mail for " + domain + " loops back to this server, which does not serve it");
  }
  routing.destination.hosts = std::move(plan.hosts);
  return routing;
}

void Router::learn_our_names(const tenants::SnapshotPtr& directory) {
  if (names_of_ == directory) return;
  names_of_ = directory;
  our_names_ = {settings_.node_name};
  // A name that a tenant gave to its address proves nothing about who has it in the DNS: there the addresses behind a
  // name tell whether it is ours (targets.h). Shared ones are the operator's.
  for (const auto& address : directory->addresses()) {
    if (!address.helo.empty() && !address.tenant) our_names_.insert(address.helo);
  }
}

Task<std::string> Router::site_of(tenants::SnapshotPtr directory, TenantId tenant, std::string domain) {
  learn_routes(directory);
  if (auto known = known_site_of(*directory, tenant, domain)) co_return std::move(*known);
  auto records = co_await resolver_.mx(domain);
  const bool is_known = records || records.error().code == ErrorCode::kNotFound;
  std::string site = records ? site_of_mx(domain, *records) : site_of_domain(domain);
  if (is_known) {
    if (sites_.size() >= kKnownSitesMax) {
      sites_.clear();
      domains_.clear();
    }
    KnownSite& entry = sites_[domain];
    if (entry.site != site) domains_[site].push_back(domain);
    entry = {site, clock_.steady() + kSiteKept};
  }
  co_return site;
}

std::optional<std::string> Router::known_site_of(const tenants::Snapshot& directory, const TenantId& tenant,
                                                 const std::string& domain) const {
  if (domain.empty()) return std::string{kLocalSite};
  if (const tenants::Route* route = directory.route(tenant, domain)) return site_of_route(route->host, route->port);
  if (domain.front() == '[') return domain;
  const auto known = sites_.find(domain);
  if (known == sites_.end() || known->second.until <= clock_.steady()) return std::nullopt;
  return known->second.site;
}

void Router::learn_routes(const tenants::SnapshotPtr& directory) {
  if (routes_of_ == directory) return;
  const bool is_first = routes_of_ == nullptr;
  routes_of_ = directory;
  std::unordered_set<RouteId> present;
  new_routes_.clear();
  for (const auto& route : directory->routes()) {
    present.insert(route.id);
    if (!is_first && !routes_.contains(route.id)) new_routes_.insert(route.id);
  }
  routes_ = std::move(present);
}

bool Router::is_rerouted(const tenants::SnapshotPtr& directory, const TenantId& tenant, const std::string& site) {
  learn_routes(directory);
  if (new_routes_.empty()) return false;
  const auto domains = domains_.find(site);
  if (domains == domains_.end()) return false;
  return std::any_of(domains->second.begin(), domains->second.end(), [&](const std::string& domain) {
    const tenants::Route* route = directory->route(tenant, domain);
    return route != nullptr && new_routes_.contains(route->id);
  });
}

}  // namespace bulkhead::delivery

#include "src/delivery/courier.h"

#include <algorithm>
#include <utility>

#include "src/delivery/local_worker.h"
#include "src/delivery/remote_worker.h"
#include "src/delivery/site.h"
#include "src/delivery/workshop.h"

namespace bulkhead::delivery {

namespace {

constexpr std::chrono::milliseconds kSweepInterval{1000};

Task<void> sweep_idle(Workshop& workshop) {
  for (;;) {
    auto sleeping = workshop.parts.shard.sleep(kSweepInterval, workshop.group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
    for (auto& connection : workshop.idle.remove(IdleConnections::Which::kExpired)) {
      bid_farewell(workshop, std::move(connection));
    }
  }
}

}  // namespace

Courier::Courier(const Parts& parts, Settings settings)
    : workshop_(std::make_unique<Workshop>(parts, std::move(settings))) {}

void Courier::change_settings(const Settings& settings) {
  Settings& mine = workshop_->settings;
  mine.port = settings.port;
  mine.timeouts = settings.timeouts;
  mine.messages_per_connection = settings.messages_per_connection;
}

Courier::~Courier() = default;

void Courier::start() {
  workshop_->group.spawn(sweep_idle(*workshop_));
}

Task<void> Courier::stop() {
  workshop_->is_stopping = true;
  workshop_->idle.remove(IdleConnections::Which::kAll);
  workshop_->group.cancel();
  co_await workshop_->group.join();
}

Task<std::string> Courier::site_of(net::Shard&, TenantId tenant, std::string domain) {
  co_return co_await workshop_->router.site_of(workshop_->parts.directory.snapshot(), tenant, std::move(domain));
}

std::optional<std::string> Courier::known_site_of(const TenantId& tenant, const std::string& domain) const {
  return workshop_->router.known_site_of(*workshop_->parts.directory.snapshot(), tenant, domain);
}

bool Courier::leads_elsewhere(const queue::LaneKey& lane, const std::string& domain) const {
  const auto directory = workshop_->parts.directory.snapshot();
  const tenants::Route* route = directory->route(lane.tenant, domain);
  return route == nullptr ? is_site_of_route(lane.site) : lane.site != site_of_route(route->host, route->port);
}

bool Courier::is_abandoned(const queue::LaneKey& lane) const {
  const auto directory = workshop_->parts.directory.snapshot();
  if (!is_site_of_route(lane.site)) return workshop_->router.is_rerouted(directory, lane.tenant, lane.site);
  const auto& routes = directory->routes();
  return std::none_of(routes.begin(), routes.end(), [&lane](const tenants::Route& route) {
    return (!route.tenant || *route.tenant == lane.tenant) && site_of_route(route.host, route.port) == lane.site;
  });
}

// The queue may be in the middle of its own bookkeeping: the worker begins when that is done.
void Courier::start_worker(queue::LaneKey lane) {
  workshop_->parts.shard.post([this, lane = std::move(lane)] {
    if (workshop_->is_stopping) return workshop_->parts.queue.worker_ended(lane);
    const bool is_local = lane.site == kLocalSite;
    workshop_->group.spawn(is_local ? run_local_worker(*workshop_, lane) : run_remote_worker(*workshop_, lane));
  });
}

}  // namespace bulkhead::delivery

#include "src/app/address_monitor.h"

#include <algorithm>
#include <map>

namespace bulkhead::app {

namespace {

using monitoring::Metric;
using monitoring::Metrics;
using std::chrono::milliseconds;

// Short, so that a dead list holds up neither the other questions nor the end of the program.
constexpr milliseconds kAttemptTimeout{1500};
constexpr milliseconds kTotalTimeout{4000};
constexpr std::size_t kQuestionsMax = 200;
constexpr std::size_t kCacheMax = 2000;
constexpr milliseconds kTurnLeast{20};
constexpr milliseconds kTurnMost{500};

net::ResolverOptions own_options(net::ResolverOptions options) {
  options.attempt_timeout = kAttemptTimeout;
  options.total_timeout = kTotalTimeout;
  options.questions_max = kQuestionsMax;
  options.entries_max = kCacheMax;
  return options;
}

}  // namespace

AddressMonitor::AddressMonitor(Parts parts, std::unique_ptr<net::Resolver> resolver)
    : shard_(parts.shard),
      metrics_(parts.metrics),
      clock_(parts.clock),
      resolver_(std::move(resolver)),
      lists_(ListingMonitor::Parts{parts.shard, *resolver_, parts.directory, parts.store, parts.trace, parts.metrics,
                                   parts.clock, parts.random, parts.log, std::move(parts.on_transition)}),
      readiness_(ReadinessMonitor::Parts{*resolver_, parts.directory, parts.host, parts.store, parts.trace, parts.clock,
                                         parts.random, parts.log, parts.node_name, std::move(parts.on_readiness)}) {}

AddressMonitor::~AddressMonitor() = default;

Result<std::unique_ptr<AddressMonitor>> AddressMonitor::open(Parts parts, const MonitorSettings& settings) {
  auto resolver = net::make_cares_resolver(parts.shard, parts.clock, own_options(parts.dns));
  if (!resolver) return fail(resolver.error());
  std::unique_ptr<AddressMonitor> monitor{new AddressMonitor{std::move(parts), std::move(*resolver)}};
  monitor->set(settings);
  if (auto restored = monitor->lists_.restore(); !restored) return fail(restored.error());
  if (auto restored = monitor->readiness_.restore(); !restored) return fail(restored.error());
  monitor->provide_metrics();
  return monitor;
}

void AddressMonitor::set(const MonitorSettings& settings) {
  lists_.set(settings.lists);
  readiness_.set(settings);
}

void AddressMonitor::use_servers(std::vector<std::string> servers) {
  // What the reader of the configuration took is a server's address.
  shard_.post([this, servers = std::move(servers)] { static_cast<void>(resolver_->use_servers(servers)); });
}

Task<void> AddressMonitor::run(net::TaskGroup& group) {
  for (;;) {
    const SteadyTime next = std::min(lists_.turn(group), readiness_.turn(group));
    const auto now = clock_.steady();
    const auto wait = next > now + kTurnMost ? kTurnMost : std::chrono::duration_cast<milliseconds>(next - now);
    auto sleeping = shard_.sleep(std::clamp(wait, kTurnLeast, kTurnMost), group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

Task<Result<std::vector<admin::Monitor::ZoneAnswer>>> AddressMonitor::ask_zones(net::Shard& shard,
                                                                                listings::Subject subject) {
  if (&shard != &shard_) {
    co_return fail(ErrorCode::kUnavailable, "the lists are asked on another shard", "ask by the node's own API");
  }
  auto asking = lists_.ask_zones(std::move(subject));
  co_return co_await std::move(asking);
}

std::optional<netpolicy::ReadinessView> AddressMonitor::readiness(const listings::Subject& subject) const {
  return subject.is_address() ? readiness_.of_address(subject.ip) : readiness_.of_domain(subject.domain);
}

void AddressMonitor::provide_metrics() {
  metrics_.provide(Metric::kListings, [this](const Metrics::Emit& emit) {
    std::map<std::pair<std::string, std::string_view>, double> counts;
    for (const auto& zone : lists_.zones()) {
      const std::string_view kind = zone.branch == listings::Branch::kDomain ? "domain" : "address";
      counts[{zone.zone, kind}] += static_cast<double>(zone.listed);
    }
    for (const auto& [key, count] : counts) emit({key.second, key.first}, count);
  });
  metrics_.provide(Metric::kListingZones, [this](const Metrics::Emit& emit) {
    for (const auto& zone : lists_.zones()) emit({zone.zone, to_string(zone.branch), to_string(zone.state)}, 1);
  });
  metrics_.provide(Metric::kReadiness, [this](const Metrics::Emit& emit) {
    const auto show = [&emit](std::string_view kind, const netpolicy::ReadinessCounts& counts) {
      emit({kind, "ready"}, static_cast<double>(counts.ready));
      emit({kind, "unready"}, static_cast<double>(counts.unready));
      emit({kind, "unknown"}, static_cast<double>(counts.unknown));
    };
    show("address", readiness_.addresses());
    show("domain", readiness_.domains());
  });
  metrics_.provide(Metric::kAddressesWithheld,
                   [this](const Metrics::Emit& emit) { emit({}, static_cast<double>(readiness_.withheld())); });
}

}  // namespace bulkhead::app

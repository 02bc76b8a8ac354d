#include "src/app/dispatch.h"

#include <algorithm>

#include "src/app/queue_directory.h"
#include "src/app/resolver_options.h"
#include "src/app/settings.h"
#include "src/app/shard_runs.h"
#include "src/delivery/sender_resolution.h"

namespace bulkhead::app {

namespace {

constexpr std::chrono::milliseconds kCountInterval{2000};
// With the grace of sessions below what the systemd unit waits for.
constexpr std::chrono::milliseconds kDeliveryGrace{10000};

}  // namespace

Status Dispatch::open(const Configuration& configuration) {
  const auto pause = std::min<std::chrono::milliseconds>(retry_policy(configuration).intervals.front(),
                                                         delivery::ConcurrencyWindow::kPauseMost);
  gate_ = std::make_unique<delivery::SiteGate>(
      delivery::SiteGate::Parts{*foundation_.live, *foundation_.limiter, foundation_.clock, foundation_.random, pause,
                                configuration.delivery.connections_per_lane, &oversight_.restrictions()});
  queue_ = queue::Queue::make(queue_parts(configuration));
  for (std::size_t shard = 0; shard < foundation_.runtime.size(); ++shard) {
    if (auto opened = open_courier(shard, configuration); !opened) return opened;
  }
  return {};
}

queue::Queue::Parts Dispatch::queue_parts(const Configuration& configuration) {
  queue::Queue::Parts parts{
      .runtime = foundation_.runtime,
      .pool = foundation_.pool,
      .store = *foundation_.store,
      .trace = *foundation_.trace,
      .clock = foundation_.clock,
      .random = foundation_.random,
      .log = foundation_.log,
      .node_name = configuration.node.name,
      .retry = retry_policy(configuration),
      .source_preview = [this](const queue::LaneKey& lane) -> std::optional<IpAddress> {
        return likely_source(*foundation_.live->snapshot(), *foundation_.host->current(), lane);
      },
      .resolve_sender = delivery::sender_resolution(*foundation_.live),
      .on_event = [this](const trace::Event& event) { foundation_.event_metrics->count(event); },
      .on_progress = [this](const queue::Progress& progress) { foundation_.event_metrics->count_progress(progress); },
      .sources_of = [this](const queue::LaneKey& lane) { return sources(lane); },
      .gate = gate_.get(),
      .deliveries_max = deliveries_max(configuration)};
  connect_directory(parts, *foundation_.live, *foundation_.limiter);
  return parts;
}

std::vector<IpAddress> Dispatch::sources(const queue::LaneKey& lane) const {
  return sources_of(*foundation_.live->snapshot(), *foundation_.host->current(), lane);
}

Status Dispatch::open_courier(std::size_t shard, const Configuration& configuration) {
  auto resolver = net::make_cares_resolver(foundation_.runtime.shard(shard), foundation_.clock,
                                           resolver_options(configuration, foundation_.metrics));
  if (!resolver) return fail(resolver.error());
  resolvers_.push_back(std::move(*resolver));
  delivery::Parts parts{foundation_.runtime.shard(shard),
                        foundation_.pool,
                        *resolvers_[shard],
                        queue_->shard_queue(shard),
                        *foundation_.live,
                        *foundation_.host,
                        *foundation_.store,
                        *foundation_.mailboxes,
                        *foundation_.trace,
                        foundation_.metrics,
                        foundation_.clock,
                        foundation_.random,
                        foundation_.log,
                        gate_.get(),
                        foundation_.marks.get(),
                        &oversight_.rule_book(),
                        &oversight_.reputation().reports(shard),
                        nullptr,  // no signer yet
                        &oversight_.feedback()};
  couriers_.push_back(std::make_unique<delivery::Courier>(parts, delivery_settings(configuration)));
  queue_->set_carrier(shard, *couriers_[shard]);
  return {};
}

Status Dispatch::start() {
  is_started_ = true;
  if (auto started = queue_->start(); !started) return started;
  for (std::size_t shard = 0; shard < couriers_.size(); ++shard) {
    foundation_.runtime.shard(shard).post([this, shard] { couriers_[shard]->start(); });
  }
  return {};
}

void Dispatch::stop() {
  run_and_wait(foundation_.runtime.shard(0), foundation_.log,
               [this] { return queue_->drain(foundation_.runtime.shard(0), kDeliveryGrace); });
  run_on_each(foundation_.runtime, foundation_.log, [this](std::size_t shard) { return couriers_[shard]->stop(); });
  is_started_ = false;
}

void Dispatch::sources_changed() {
  if (is_started_) queue_->sources_changed();
}

Task<void> Dispatch::count(net::TaskGroup& group) {
  net::Shard& shard = foundation_.runtime.shard(0);
  for (;;) {
    auto counting = queue_->count(shard, {});
    const queue::Counts counts = co_await std::move(counting);
    ready_ = counts.ready;
    active_ = counts.active;
    scheduled_ = counts.scheduled;
    held_ = counts.held;
    auto sleeping = shard.sleep(kCountInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

std::map<std::string, std::uint64_t> Dispatch::counts() const {
  return {{"ready", ready_}, {"active", active_}, {"scheduled", scheduled_}, {"held", held_}};
}

}  // namespace bulkhead::app

#include "src/delivery/site_gate.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/delivery/restraint.h"
#include "src/delivery/sending_limits.h"

namespace bulkhead::delivery {

namespace {

using tenants::Limit;
using tenants::LimitScope;

constexpr std::chrono::seconds kRoomRest{1};

bool is_local(const queue::LaneKey& lane) {
  return lane.site == "local";
}

const Limit* limit_of_site(const tenants::Snapshot& directory, const queue::LaneKey& lane) {
  return directory.limit(LimitScope::kSite, lane.site);
}

const Limit* limit_of_pair(const tenants::Snapshot& directory, const queue::LaneKey& lane) {
  return directory.limit(LimitScope::kAddressSite, tenants::limit_subject(lane.arrival, lane.site));
}

}  // namespace

SiteGate::Caps SiteGate::caps_of(const queue::LaneKey& lane) const {
  const auto directory = parts_.directory.snapshot();
  Caps caps{.pair = pair_connections_};
  if (directory->limits().empty()) return caps;
  if (const auto* site = limit_of_site(*directory, lane)) caps.site = site->connections.value_or(caps.site);
  if (const auto* pair = limit_of_pair(*directory, lane)) caps.pair = pair->connections.value_or(caps.pair);
  return caps;
}

void SiteGate::make_room(Stripe& stripe, SteadyTime now) const {
  const bool is_crowded = stripe.sites.size() >= kSitesPerStripeMax;
  const bool is_rested = stripe.room_made_at == SteadyTime::min() || now - stripe.room_made_at >= kRoomRest;
  if (stripe.sites.size() < kSitesPerStripe || (!is_rested && !is_crowded)) return;
  stripe.room_made_at = now;
  const auto is_unused = [now, is_crowded](const auto& pair) {
    return pair.second.places.is_unused(now) && (is_crowded || !pair.second.window.is_careful(now));
  };
  for (auto site = stripe.sites.begin(); site != stripe.sites.end();) {
    std::erase_if(site->second.pairs, is_unused);
    const bool is_gone = site->second.pairs.empty() && site->second.places.is_unused(now);
    site = is_gone ? stripe.sites.erase(site) : std::next(site);
  }
}

queue::Pause SiteGate::backoff(const queue::LaneKey& lane, SteadyTime until, SteadyTime now) const {
  const auto wait = std::chrono::ceil<std::chrono::microseconds>(until - now);
  return {queue::Pause::Scope::kLane, wait, "site-backoff",
          fmt::format("{} did not answer or refused us: one connection tries again at {}", lane.site,
                      to_rfc3339(parts_.clock.now() + wait))};
}

queue::StartAnswer SiteGate::may_start(const queue::StartRequest& request) {
  const auto& lane = request.lane;
  if (is_local(lane)) return {};
  const Caps caps = caps_of(lane);
  const auto now = parts_.clock.steady();
  auto& stripe = stripe_of(lane.site);
  const std::lock_guard lock{stripe.mutex};
  make_room(stripe, now);
  auto& site = stripe.sites[lane.site];
  auto& pair = pair_of(site, lane.arrival);
  if (const auto until = pair.window.paused_until(now)) return {false, backoff(lane, *until, now)};
  const auto places = std::min(pair.window.places(now), caps.pair);
  // Both are asked, so that who is refused counts as waiting where the places are short.
  const SharedPlaces::Asker asker{lane.tenant, lane.arrival, request.workers == 0};
  const bool may_have_pair = pair.places.may_take(asker, places, now);
  const bool may_have_site = site.places.may_take(asker, caps.site, now);
  if (!may_have_pair || !may_have_site) return {false, std::nullopt};
  pair.places.take(lane.tenant, now);
  site.places.take(lane.tenant, now);
  return {};
}

void SiteGate::worker_ended(const queue::LaneKey& lane) {
  if (is_local(lane)) return;
  auto& stripe = stripe_of(lane.site);
  const std::lock_guard lock{stripe.mutex};
  const auto site = stripe.sites.find(lane.site);
  if (site == stripe.sites.end()) return;
  const SharedPlaces::Asker asker{lane.tenant, lane.arrival};
  const auto now = parts_.clock.steady();
  site->second.places.release(asker, now);
  const auto pair = site->second.pairs.find(lane.arrival);
  if (pair != site->second.pairs.end()) pair->second.places.release(asker, now);
}

bool SiteGate::must_yield(const queue::LaneKey& lane, bool is_ahead) {
  if (is_local(lane)) return false;
  const Caps caps = caps_of(lane);
  const auto now = parts_.clock.steady();
  auto& stripe = stripe_of(lane.site);
  const std::lock_guard lock{stripe.mutex};
  const auto site = stripe.sites.find(lane.site);
  if (site == stripe.sites.end()) return false;
  const SharedPlaces::Asker asker{lane.tenant, lane.arrival};
  if (site->second.places.must_yield(asker, caps.site, now, is_ahead)) return true;
  const auto pair = site->second.pairs.find(lane.arrival);
  if (pair == site->second.pairs.end()) return false;
  const auto places = std::min(pair->second.window.places(now), caps.pair);
  return pair->second.places.must_yield(asker, places, now, is_ahead);
}

queue::GoAnswer SiteGate::may_go(const queue::HandOut& job) {
  const auto& message = job.message;
  const auto now = parts_.clock.now();
  if (job.not_before && *job.not_before > now) {
    return {queue::Pause{queue::Pause::Scope::kAccount, *job.not_before - now, "limit",
                         std::string{queue::kPaced} + message.wait_reason}};
  }
  const auto restrictions = parts_.restrictions == nullptr ? nullptr : parts_.restrictions->current();
  const bool is_restrained = restrictions != nullptr && restrictions->has_senders();
  if (is_local(job.lane) && !is_restrained) return {};
  const auto directory = parts_.directory.snapshot();
  SendingLimits limits{*directory, parts_.limiter, now};
  if (!is_restrained) return limits.take(job);
  const Restraint restraint{*restrictions, *directory, job};
  if (auto pause = restraint.quarantine()) return {std::move(pause)};
  if (is_local(job.lane)) return {};
  return limits.take(job, restraint.trickles());
}

void SiteGate::try_again(const queue::LaneKey& lane) {
  tried_again_at_.store(parts_.clock.steady().time_since_epoch().count());
  auto& stripe = stripe_of(lane.site);
  const std::lock_guard lock{stripe.mutex};
  const auto site = stripe.sites.find(lane.site);
  if (site == stripe.sites.end()) return;
  const auto pair = site->second.pairs.find(lane.arrival);
  if (pair != site->second.pairs.end()) pair->second.window.end_pause();
}

void SiteGate::answered(const queue::LaneKey& lane, Answer answer) {
  const auto now = parts_.clock.steady();
  auto& stripe = stripe_of(lane.site);
  const std::lock_guard lock{stripe.mutex};
  const auto site = stripe.sites.find(lane.site);
  if (site == stripe.sites.end()) return;
  auto& window = pair_of(site->second, lane.arrival).window;
  switch (answer) {
    case Answer::kTaken:
      return window.taken();
    case Answer::kSlowed:
      return window.slowed(now, parts_.random);
    case Answer::kUnreachable:
      return window.unreachable(now, parts_.random);
  }
}

std::optional<std::uint32_t> SiteGate::messages_per_connection(const queue::LaneKey& lane) const {
  const auto directory = parts_.directory.snapshot();
  if (directory->limits().empty()) return std::nullopt;
  std::optional<std::uint32_t> least;
  for (const auto* limit : {limit_of_site(*directory, lane), limit_of_pair(*directory, lane)}) {
    if (limit == nullptr || !limit->messages_per_connection) continue;
    least = std::min(least.value_or(UINT32_MAX), *limit->messages_per_connection);
  }
  return least;
}

bool SiteGate::is_counted(const queue::LaneKey& lane) const {
  const auto directory = parts_.directory.snapshot();
  if (directory->limits().empty()) return false;
  const auto* site = limit_of_site(*directory, lane);
  const auto* pair = limit_of_pair(*directory, lane);
  return (site != nullptr && site->connections) || (pair != nullptr && pair->connections);
}

std::uint64_t SiteGate::open_connections(const Limit& limit) const {
  const std::string name{tenants::limit_site(limit)};
  const auto& stripe = stripe_of(name);
  const std::lock_guard lock{stripe.mutex};
  const auto site = stripe.sites.find(name);
  if (site == stripe.sites.end()) return 0;
  if (limit.scope == LimitScope::kSite) return site->second.places.open();
  const auto address = tenants::limit_address(limit);
  const auto pair = address ? site->second.pairs.find(*address) : site->second.pairs.end();
  return pair == site->second.pairs.end() ? 0 : pair->second.places.open();
}

SiteGate::Readings SiteGate::readings() const {
  Readings readings;
  const auto now = parts_.clock.steady();
  for (const auto& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    readings.sites += stripe.sites.size();
    for (const auto& [name, site] : stripe.sites) {
      readings.connections += site.places.open();
      for (const auto& [address, pair] : site.pairs) readings.paused += pair.window.paused_until(now) ? 1 : 0;
    }
  }
  return readings;
}

}  // namespace bulkhead::delivery

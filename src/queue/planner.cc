#include "src/queue/planner.h"

#include "src/queue/bridge.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::seconds kSiteLife{60};
constexpr std::size_t kSitesMax = 10000;
constexpr std::size_t kLookupsMax = 256;  // at once, per shard
constexpr std::size_t kMoveSlice = 500;   // deliveries that move to their lane before others get a turn

std::string site_key(const TenantId& tenant, std::string_view domain) {
  std::string key{tenant.bytes()};
  key.append(domain);
  return key;
}

}  // namespace

void Planner::plan_fresh(const MessagePtr& message) {
  if (core_.is_stopping) return;  // it is durable; the next start plans it
  ShardPart& owner = core_.owner_of(message->id);
  if (message->recipients.size() > 1 && &owner != &part_) {
    owner.shard().post([&owner, message] { owner.planner().plan_fresh(message); });
    return;
  }
  MessagePlan plan = plan_of(core_, *message);
  keep_ledger(plan);
  for (auto& delivery : plan.deliveries) place(std::move(delivery.planned), delivery.domain, message);
}

void Planner::plan_stored(std::vector<MessagePlan> plans) {
  std::vector<std::vector<Arrival>> by_home(core_.shards.size());
  for (auto& plan : plans) {
    if (core_.accepted.contains(plan.id)) continue;
    ++core_.messages;
    keep_ledger(plan);
    for (auto& delivery : plan.deliveries) {
      const ShardPart& home = find_lane(delivery.planned, delivery.domain);
      by_home[home.index()].push_back({std::move(delivery.planned), nullptr});
    }
  }
  hand_over(std::move(by_home));
}

void Planner::keep_ledger(const MessagePlan& plan) {
  if (!plan.has_several) return;
  const auto counted = part_.scheduler().count_message(plan.tenant, plan.keys);
  part_.ledger().open(plan.id, static_cast<std::uint32_t>(plan.deliveries.size()), plan.records, counted);
}

// Names the lane's site, and answers where the lane lives. Where the site must be looked up first, the lane is one of
// this shard in which the domain's deliveries wait.
ShardPart& Planner::find_lane(Planned& planned, const std::string& domain) {
  std::string& site = planned.lane.site;
  site = kLocalSite;
  if (domain.empty()) return core_.home_of(planned.lane);
  const auto known = sites_.find(site_key(planned.lane.tenant, domain));
  if (known != sites_.end() && core_.timeline.steady() < known->second.until) {
    site = known->second.name;
    return core_.home_of(planned.lane);
  }
  if (auto at_once = part_.carrier().known_site_of(planned.lane.tenant, domain)) {
    site = std::move(*at_once);
    return core_.home_of(planned.lane);
  }
  site = std::string{kRoutingSite} + domain;
  return part_;
}

void Planner::place(Planned planned, const std::string& domain, MessagePtr message) {
  ShardPart& home = find_lane(planned, domain);
  if (&home == &part_) return home.receive(planned, message);
  home.shard().post(
      [&home, planned = std::move(planned), message = std::move(message)] { home.receive(planned, message); });
}

void Planner::forget_site(const TenantId& tenant, std::string_view domain) {
  sites_.erase(site_key(tenant, domain));
}

void Planner::route() {
  for (auto& lane : part_.scheduler().routing()) {
    const std::string domain = lane.site.substr(kRoutingSite.size());
    std::string key = site_key(lane.tenant, domain);
    const auto [found, is_new] = lookups_.try_emplace(key);
    Lookup& lookup = found->second;
    lookup.lanes.push_back(lane);
    if (!is_new) continue;
    lookup.tenant = lane.tenant;
    lookup.domain = domain;
    line_.push_back(std::move(key));
  }
  start_lookups();
}

void Planner::start_lookups() {
  while (running_ < kLookupsMax && !line_.empty() && !core_.is_stopping) {
    std::string key = std::move(line_.front());
    line_.pop_front();
    const Lookup& lookup = lookups_.at(key);
    ++running_;
    auto task = look_up(key, lookup.tenant, lookup.domain);
    part_.group().spawn(std::move(task));
  }
}

Task<void> Planner::look_up(std::string key, TenantId tenant, std::string domain) {
  auto asking = part_.carrier().site_of(part_.shard(), tenant, domain);
  std::string site = co_await std::move(asking);
  auto found = lookups_.extract(key);
  if (site.empty()) site = domain;
  if (sites_.size() >= kSitesMax) sites_.clear();
  sites_[key] = {site, core_.timeline.steady() + kSiteLife};
  for (auto& lane : found.mapped().lanes) {
    auto moving = move_lane(lane, site);
    co_await std::move(moving);
  }
  --running_;
  start_lookups();
}

// What waited for the site goes to its lanes, a slice at a time.
Task<void> Planner::move_lane(LaneKey lane, std::string site) {
  LaneKey target = lane;
  target.site = std::move(site);
  const std::size_t home = core_.home_of(target).index();
  for (;;) {
    auto moved = part_.scheduler().drain_lane(lane, kMoveSlice);
    const bool is_end = moved.size() < kMoveSlice;
    std::vector<std::vector<Arrival>> by_home(core_.shards.size());
    for (auto& planned : moved) {
      planned.lane.site = target.site;
      MessagePtr message = part_.at_hand(planned.key.message);
      by_home[home].push_back({std::move(planned), std::move(message)});
    }
    hand_over(std::move(by_home));
    if (is_end) break;
    Yield others{part_.shard()};
    co_await others;
  }
  part_.scheduler().end_routing(lane);
  part_.pump();
}

void Planner::hand_over(std::vector<std::vector<Arrival>> by_home) {
  for (std::size_t i = 0; i < by_home.size(); ++i) {
    if (by_home[i].empty()) continue;
    ShardPart& home = *core_.shards[i];
    if (&home == &part_) {
      home.receive_all(by_home[i]);
    } else {
      home.shard().post([&home, arrivals = std::move(by_home[i])] { home.receive_all(arrivals); });
    }
  }
}

}  // namespace bulkhead::queue

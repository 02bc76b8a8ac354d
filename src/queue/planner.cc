#include "src/queue/planner.h"

#include <algorithm>

#include "src/queue/bridge.h"
#include "src/queue/grouping.h"
#include "src/queue/retry.h"
#include "src/queue/settlement.h"
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

const StoredDelivery* find_stored(const std::vector<StoredDelivery>& stored, std::uint16_t index) {
  for (const auto& delivery : stored) {
    if (delivery.index == index) return &delivery;
  }
  return nullptr;
}

std::string domain_of(const Message& message, std::uint16_t recipient) {
  const auto& queued = message.recipients[recipient];
  return queued.local ? std::string{} : queued.recipient.address.domain;
}

}  // namespace

void Planner::plan_fresh(const MessagePtr& message) {
  if (core_.is_stopping) return;  // it is durable; the next start plans it
  if (message->recipients.size() == 1) {
    Planned planned = planned_for(*message, 0, core_.timeline.now());
    planned.is_sole = true;
    place(std::move(planned), domain_of(*message, 0), message);
    return;
  }
  ShardPart& owner = core_.owner_of(message->id);
  if (&owner != &part_) {
    owner.shard().post([&owner, message] { owner.planner().plan_fresh(message); });
    return;
  }
  plan_groups(message, {}, true);
}

void Planner::plan_stored(const MessagePtr& message, const std::vector<StoredDelivery>& stored) {
  plan_groups(message, stored, false);
}

void Planner::plan_groups(const MessagePtr& message, const std::vector<StoredDelivery>& stored, bool is_fresh) {
  const auto groups = group_recipients(*message);
  const UtcTime now = core_.timeline.now();
  std::vector<Planned> pending;
  std::vector<std::uint16_t> records;
  for (const auto& group : groups) {
    Planned planned = planned_for(*message, group.index, is_fresh ? now : message->queued_at);
    planned.is_sole = groups.size() == 1;
    if (const StoredDelivery* known = find_stored(stored, group.index)) {
      records.push_back(group.index);
      if (known->record.pending().empty()) continue;
      planned.has_record = true;
      planned.attempts = known->record.attempts;
      planned.due = std::min(known->record.next_attempt, now + retry_delay_max(core_.parts.retry));
      if (known->record.expires_at != UtcTime{}) planned.expires_at = known->record.expires_at;
      if (known->record.is_warned) planned.warn_at = kNever;
    }
    pending.push_back(std::move(planned));
  }
  if (groups.size() > 1) {
    const auto counted = part_.scheduler().count_message(message->tenant, keys_of(core_.hash, *message, 0));
    part_.ledger().open(message->id, static_cast<std::uint32_t>(pending.size()), std::move(records), counted);
  }
  for (auto& planned : pending) {
    std::string domain = domain_of(*message, planned.key.index);
    place(std::move(planned), std::move(domain), is_fresh ? message : nullptr);
  }
}

Planned Planner::planned_for(const Message& message, std::uint16_t index, UtcTime warn_base) const {
  const auto& retry = core_.parts.retry;
  Planned planned;
  planned.key = {message.id, index};
  planned.lane = {message.tenant, message.arrival.ip, std::string{kLocalSite}};
  planned.due = UtcTime::min();
  // Stored under a clock that was ahead, it would stay for longer than promised.
  planned.expires_at = std::min(message.expires_at, core_.timeline.now() + retry.expire_after);
  if (message.sender.address && retry.warn_after.count() > 0) planned.warn_at = warn_base + retry.warn_after;
  planned.keys = keys_of(core_.hash, message, index);
  planned.epoch = message.epoch;
  return planned;
}

void Planner::place(Planned planned, std::string domain, MessagePtr message) {
  if (domain.empty()) {
    planned.lane.site = kLocalSite;
    return hand_over(std::move(planned), std::move(message));
  }
  const auto known = sites_.find(site_key(planned.lane.tenant, domain));
  if (known != sites_.end() && core_.timeline.steady() < known->second.until) {
    planned.lane.site = known->second.name;
    return hand_over(std::move(planned), std::move(message));
  }
  planned.lane.site = std::string{kRoutingSite} + domain;
  part_.receive(planned, message);
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
  for (;;) {
    auto moved = part_.scheduler().drain_lane(lane, kMoveSlice);
    const bool is_end = moved.size() < kMoveSlice;
    for (auto& planned : moved) {
      planned.lane.site = site;
      MessagePtr message = part_.at_hand(planned.key.message);
      hand_over(std::move(planned), std::move(message));
    }
    if (is_end) break;
    Yield others{part_.shard()};
    co_await others;
  }
  part_.scheduler().end_routing(lane);
  part_.pump();
}

void Planner::hand_over(Planned planned, MessagePtr message) {
  ShardPart& home = core_.home_of(planned.lane);
  if (&home == &part_) return home.receive(planned, message);
  home.shard().post(
      [&home, planned = std::move(planned), message = std::move(message)] { home.receive(planned, message); });
}

}  // namespace bulkhead::queue

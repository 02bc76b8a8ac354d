#include "src/queue/planner.h"

#include <algorithm>

#include "src/queue/grouping.h"
#include "src/queue/retry.h"
#include "src/queue/settlement.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::seconds kSiteLife{60};
constexpr std::size_t kSitesMax = 10000;
constexpr std::size_t kLookupsMax = 256;      // at once, per shard
constexpr std::size_t kWaitingHotMax = 2000;  // waiting deliveries that keep their message in memory

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
      if (known->record.is_warned) planned.warn_at = kNever;
    }
    pending.push_back(std::move(planned));
  }
  if (groups.size() > 1) {
    part_.ledger().open(message->id, static_cast<std::uint32_t>(pending.size()), std::move(records));
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
  return planned;
}

void Planner::place(Planned planned, std::string domain, MessagePtr message) {
  Waiting waiting{std::move(planned), std::move(message)};
  if (domain.empty()) return hand_over(std::move(waiting), std::string{kLocalSite});
  std::string key = site_key(waiting.planned.lane.tenant, domain);
  const auto known = sites_.find(key);
  if (known != sites_.end() && core_.timeline.steady() < known->second.until) {
    return hand_over(std::move(waiting), known->second.name);
  }
  wait_for_site(std::move(key), std::move(waiting), std::move(domain));
}

void Planner::forget_site(const TenantId& tenant, std::string_view domain) {
  sites_.erase(site_key(tenant, domain));
}

void Planner::wait_for_site(std::string key, Waiting waiting, std::string domain) {
  if (waiting_count_ >= kWaitingHotMax) waiting.message = nullptr;
  ++waiting_count_;
  const auto [found, is_new] = lookups_.try_emplace(key);
  Lookup& lookup = found->second;
  if (is_new) {
    lookup.tenant = waiting.planned.lane.tenant;
    lookup.domain = std::move(domain);
    line_.push_back(std::move(key));
  }
  lookup.waiting.push_back(std::move(waiting));
  if (is_new) start_lookups();
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
  --running_;
  auto found = lookups_.extract(key);
  if (site.empty()) site = domain;
  if (sites_.size() >= kSitesMax) sites_.clear();
  sites_[key] = {site, core_.timeline.steady() + kSiteLife};
  waiting_count_ -= found.mapped().waiting.size();
  for (auto& waiting : found.mapped().waiting) hand_over(std::move(waiting), site);
  start_lookups();
}

void Planner::hand_over(Waiting waiting, const std::string& site) {
  waiting.planned.lane.site = site;
  ShardPart& home = core_.home_of(waiting.planned.lane);
  if (&home == &part_) {
    home.receive(waiting.planned, waiting.message);
    return;
  }
  home.shard().post([&home, planned = std::move(waiting.planned), message = std::move(waiting.message)] {
    home.receive(planned, message);
  });
}

void Planner::visit_waiting(const std::function<void(const Planned&)>& visitor) const {
  for (const auto& [key, lookup] : lookups_) {
    for (const auto& waiting : lookup.waiting) visitor(waiting.planned);
  }
}

}  // namespace bulkhead::queue

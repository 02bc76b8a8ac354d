#include "src/queue/message_plan.h"

#include <algorithm>

#include "src/queue/grouping.h"
#include "src/queue/retry.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::hours kLifeAfterStart{1};  // at least

const StoredDelivery* find_stored(const std::vector<StoredDelivery>& stored, std::uint16_t index) {
  for (const auto& delivery : stored) {
    if (delivery.index == index) return &delivery;
  }
  return nullptr;
}

Placement placement_of(const Core& core, const Message& message, std::uint16_t index, UtcTime warn_base) {
  const auto retry = core.retry();
  Placement placement;
  Planned& planned = placement.planned;
  planned.key = {message.id, index};
  planned.lane = {message.tenant, message.arrival.ip, std::string{kLocalSite}};
  planned.due = UtcTime::min();
  // Stored under a clock that was ahead, it would stay for longer than promised.
  planned.expires_at = std::min(message.expires_at, core.timeline.now() + retry->expire_after);
  if (message.sender.address && retry->warn_after.count() > 0) planned.warn_at = warn_base + retry->warn_after;
  planned.keys = keys_of(core.hash, message, index);
  planned.epoch = message.epoch;
  const QueuedRecipient& first = message.recipients[index];
  if (!first.local) placement.domain = first.recipient.address.domain;
  return placement;
}

// False when nothing of the delivery is pending.
bool continue_from(Planned& planned, const DeliveryRecord& record, UtcTime latest) {
  if (record.pending().empty()) return false;
  planned.has_record = true;
  planned.attempts = record.attempts;
  planned.due = std::min(record.next_attempt, latest);
  if (record.expires_at != UtcTime{}) planned.expires_at = record.expires_at;
  if (record.is_warned) planned.warn_at = kNever;
  return true;
}

// What expired while the server was away, or by a clock that was set wrong meanwhile, is tried once more before it is
// returned.
void grant_an_attempt(Planned& planned, UtcTime now) {
  if (planned.expires_at <= now) planned.due = std::min(planned.due, now);
  planned.expires_at = std::max(planned.expires_at, now + kLifeAfterStart);
}

MessagePlan plan(const Core& core, const Message& message, const std::vector<StoredDelivery>& stored,
                 UtcTime warn_base) {
  MessagePlan plan{.id = message.id, .tenant = message.tenant, .keys = {}, .records = {}, .deliveries = {}};
  const auto groups = group_recipients(message);
  plan.has_several = groups.size() > 1;
  if (plan.has_several) plan.keys = keys_of(core.hash, message, 0);
  const UtcTime latest = core.timeline.now() + retry_delay_max(*core.retry());
  plan.deliveries.reserve(groups.size());
  for (const auto& group : groups) {
    Placement placement = placement_of(core, message, group.index, warn_base);
    placement.planned.is_sole = !plan.has_several;
    if (const StoredDelivery* known = find_stored(stored, group.index)) {
      plan.records.push_back(group.index);
      if (!continue_from(placement.planned, known->record, latest)) continue;
    }
    plan.deliveries.push_back(std::move(placement));
  }
  return plan;
}

}  // namespace

MessagePlan plan_of(const Core& core, const Message& message) {
  return plan(core, message, {}, core.timeline.now());
}

MessagePlan plan_of(const Core& core, const Message& message, const std::vector<StoredDelivery>& stored) {
  MessagePlan made = plan(core, message, stored, message.queued_at);
  for (auto& delivery : made.deliveries) grant_an_attempt(delivery.planned, core.timeline.now());
  return made;
}

}  // namespace bulkhead::queue

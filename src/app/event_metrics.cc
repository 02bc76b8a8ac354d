#include "src/app/event_metrics.h"

#include <algorithm>
#include <string>

namespace bulkhead::app {

namespace {

// "" for a line that is not the outcome of a delivery.
std::string_view outcome_of(trace::EventKind kind) {
  using enum trace::EventKind;
  const bool is_outcome =
      kind == kDelivered || kind == kDeferred || kind == kBounced || kind == kExpired || kind == kHeld;
  return is_outcome ? to_string(kind) : std::string_view{};
}

// "5.7.1" of "550 5.7.1 text": few values, and the field's own; the basic code where there is no other.
std::string_view reason_of(std::string_view reply) {
  const auto first = reply.substr(0, reply.find(' '));
  reply.remove_prefix(std::min(first.size() + 1, reply.size()));
  const auto second = reply.substr(0, reply.find(' '));
  return std::count(second.begin(), second.end(), '.') == 2 ? second : first;
}

}  // namespace

void EventMetrics::count_progress(const queue::Progress& progress) {
  const trace::Event& event = progress.event;
  const std::string_view outcome = outcome_of(event.kind);
  if (outcome.empty()) return;
  const auto snapshot = directory_.snapshot();
  const tenants::Tenant* found = snapshot->tenant(event.tenant);
  const std::string_view tenant = found != nullptr ? std::string_view{found->name} : std::string_view{};
  const std::string source = event.source ? event.source->text() : std::string{};
  const auto recipients = std::max<std::size_t>(event.recipients.size(), 1);
  metrics_.delivery_finished(tenant, source, progress.lane.site, outcome, recipients);
  if (progress.took) metrics_.delivery_took(progress.lane.site, outcome, *progress.took);
  if (event.kind == trace::EventKind::kDelivered) {
    metrics_.queue_delay(tenant, event.at - progress.message.queued_at);
  }
}

void EventMetrics::count(const trace::Event& event) {
  using enum trace::EventKind;
  const auto snapshot = directory_.snapshot();
  const tenants::Tenant* found = snapshot->tenant(event.tenant);
  const std::string_view tenant = found != nullptr ? std::string_view{found->name} : std::string_view{};
  switch (event.kind) {
    case kReceived:
      metrics_.message_received(tenant, event.protocol, event.size);
      metrics_.recipients_accepted(tenant, event.recipients.size());
      break;
    case kRejected:
      metrics_.message_rejected(tenant, reason_of(event.reply));
      break;
    case kLogin:
      metrics_.login("ok", event.protocol);
      break;
    case kLoginFailed:
      metrics_.login("failed", event.protocol);
      break;
    default:
      break;
  }
}

}  // namespace bulkhead::app

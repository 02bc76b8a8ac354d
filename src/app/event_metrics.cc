#include "src/app/event_metrics.h"

#include <string>

namespace bulkhead::app {

void EventMetrics::count_delivery(const trace::Event& event, std::string_view tenant, std::string_view outcome) {
  const std::string source = event.source ? event.source->text() : std::string{};
  // The remote's host name without address and port: "mx.example[192.0.2.1]:25" counts as "mx.example".
  const std::string_view remote = event.remote;
  const auto recipients = std::max<std::size_t>(event.recipients.size(), 1);
  metrics_.delivery_finished(tenant, source, remote.substr(0, remote.find('[')), outcome, recipients);
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
      metrics_.message_rejected(tenant, event.rule);
      break;
    case kDelivered:
      count_delivery(event, tenant, "delivered");
      break;
    case kDeferred:
      count_delivery(event, tenant, "deferred");
      break;
    case kBounced:
      count_delivery(event, tenant, "bounced");
      break;
    case kExpired:
      count_delivery(event, tenant, "expired");
      break;
    case kHeld:
      count_delivery(event, tenant, "held");
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

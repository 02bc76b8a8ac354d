// What webhooks are told, as JSON: {"type", "timestamp", "data"}; docs/howto/webhooks.md lists it.
#pragma once

#include <optional>
#include <string>

#include "monitoring/cases/case.h"
#include "monitoring/listings/watch.h"
#include "netpolicy/readiness_watch.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

struct WebhookEvent {
  TenantId tenant;  // whom it concerns beside the operator; nil: nobody
  std::string body;
};

struct EventContext {
  const tenants::Snapshot& directory;
  const std::string& node;
  UtcTime now;
};

// A case that only reports concerns the operator alone.
WebhookEvent event_of(const EventContext& context, const cases::Case& changed);
// Nothing: what happens to a list itself.
std::optional<WebhookEvent> event_of(const EventContext& context, const listings::Transition& transition);
// Nothing: that nobody can say.
std::optional<WebhookEvent> event_of(const EventContext& context, const netpolicy::ReadinessChange& change);

}  // namespace bulkhead::app

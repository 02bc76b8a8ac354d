#include "src/app/webhook_events.h"

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/reputation_views.h"
#include "src/app/monitor_notices.h"

namespace bulkhead::app {

namespace {

using admin::Json;
using cases::Case;
using listings::Transition;
using netpolicy::Readiness;

std::string body_of(const EventContext& context, std::string_view type, Json data) {
  data["node"] = context.node;
  return admin::dump(Json{{"type", type}, {"timestamp", to_rfc3339(context.now)}, {"data", std::move(data)}});
}

Json subject_json(const EventContext& context, const listings::Subject& subject, const TenantId& tenant) {
  return Json{{"kind", subject.is_address() ? "address" : "domain"},
              {"name", subject.text()},
              {"tenant", tenant.is_nil() ? Json(nullptr) : Json(admin::tenant_name(context.directory, tenant))}};
}

}  // namespace

WebhookEvent event_of(const EventContext& context, const Case& changed) {
  const bool is_new = changed.steps.size() <= 1;
  const TenantId tenant = changed.status == Case::Status::kReported ? TenantId{} : changed.tenant;
  return {tenant,
          body_of(context, is_new ? "case.opened" : "case.changed", admin::case_json(context.directory, changed))};
}

std::optional<WebhookEvent> event_of(const EventContext& context, const Transition& transition) {
  const bool is_listed = transition.kind == Transition::Kind::kListed;
  const bool has_ended =
      transition.kind == Transition::Kind::kDelisted || transition.kind == Transition::Kind::kForgotten;
  if (!is_listed && !has_ended) return std::nullopt;
  const TenantId tenant = owner_of(context.directory, transition.subject);
  Json data = subject_json(context, transition.subject, tenant);
  data["zone"] = transition.zone;
  data["codes"] = Json::array();
  for (const auto& code : transition.codes) data["codes"].push_back(code.text());
  data["since"] = to_rfc3339(transition.since);
  return WebhookEvent{tenant, body_of(context, is_listed ? "listing.began" : "listing.ended", std::move(data))};
}

std::optional<WebhookEvent> event_of(const EventContext& context, const netpolicy::ReadinessChange& change) {
  if (change.readiness.state == Readiness::State::kUnknown) return std::nullopt;
  const auto subject = subject_of(change.subject);
  const bool is_ready = change.readiness.state == Readiness::State::kReady;
  const TenantId tenant = owner_of(context.directory, subject);
  Json data = subject_json(context, subject, tenant);
  data["why"] = is_ready ? "" : change.readiness.why;
  return WebhookEvent{tenant, body_of(context, is_ready ? "readiness.gained" : "readiness.lost", std::move(data))};
}

}  // namespace bulkhead::app

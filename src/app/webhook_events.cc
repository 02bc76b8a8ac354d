#include "src/app/webhook_events.h"

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/reputation_views.h"

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

TenantId tenant_of_address(const EventContext& context, const IpAddress& ip) {
  const auto* address = context.directory.address(ip);
  return address != nullptr && address->tenant ? *address->tenant : TenantId{};
}

TenantId tenant_of_domain(const EventContext& context, const std::string& name) {
  const auto* domain = context.directory.domain_by_name(name);
  return domain != nullptr ? domain->tenant : TenantId{};
}

Json subject_json(const EventContext& context, std::string_view kind, const std::string& name, const TenantId& tenant) {
  return Json{{"kind", kind},
              {"name", name},
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
  const auto& subject = transition.subject;
  const TenantId tenant =
      subject.is_address() ? tenant_of_address(context, subject.ip) : tenant_of_domain(context, subject.domain);
  Json data = subject_json(context, subject.is_address() ? "address" : "domain", subject.text(), tenant);
  data["zone"] = transition.zone;
  data["codes"] = Json::array();
  for (const auto& code : transition.codes) data["codes"].push_back(code.text());
  data["since"] = to_rfc3339(transition.since);
  return WebhookEvent{tenant, body_of(context, is_listed ? "listing.began" : "listing.ended", std::move(data))};
}

std::optional<WebhookEvent> event_of(const EventContext& context, const netpolicy::ReadinessChange& change) {
  if (change.readiness.state == Readiness::State::kUnknown) return std::nullopt;
  const auto& subject = change.subject;
  const bool is_ready = change.readiness.state == Readiness::State::kReady;
  const TenantId tenant =
      subject.is_domain() ? tenant_of_domain(context, subject.name) : tenant_of_address(context, subject.ip);
  Json data = subject_json(context, subject.is_domain() ? "domain" : "address", subject.text(), tenant);
  data["why"] = is_ready ? "" : change.readiness.why;
  return WebhookEvent{tenant, body_of(context, is_ready ? "readiness.gained" : "readiness.lost", std::move(data))};
}

}  // namespace bulkhead::app

#include "src/admin/use_cases/limit_rows.h"

#include <array>

#include <fmt/format.h>

#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

using tenants::Limit;
using tenants::LimitScope;
using tenants::Measure;
using tenants::Rate;

constexpr std::array kMeasureList{Measure::kMessages, Measure::kRecipients, Measure::kBytes};

// What is not set of `limit` comes from `fallback`.
Limit completed(Limit limit, const Limit& fallback) {
  if (!limit.messages) limit.messages = fallback.messages;
  if (!limit.recipients) limit.recipients = fallback.recipients;
  if (!limit.bytes) limit.bytes = fallback.bytes;
  if (!limit.days) limit.days = fallback.days;
  return limit;
}

Json row(const NamedLimit& named, std::string_view measure, std::string limit) {
  return Json{{"scope", to_string(named.limit.scope)},
              {"name", named.name},
              {"measure", measure},
              {"limit", std::move(limit)},
              {"from", fmt::format("{} {}", to_string(named.limit.scope), named.name)},
              {"used", nullptr},
              {"free_at", nullptr}};
}

Json rate_row(const AdminServices& services, const NamedLimit& named, Measure measure, const Rate& rate) {
  auto json = row(named, to_string(measure), rate.text());
  if (named.own && !named.own->rate(measure)) json["from"] = "plan " + named.plan;
  // A plan is held by each of its accounts for itself.
  if (services.limiter == nullptr || named.limit.scope == LimitScope::kPlan || rate.is_unlimited()) return json;
  const auto usage = services.limiter->usage(named.limit.scope, measure, named.limit.subject, rate);
  json["used"] = usage.used;
  if (usage.free_at) json["free_at"] = to_rfc3339(*usage.free_at);
  return json;
}

}  // namespace

Limit plan_limit(const tenants::Snapshot& snapshot, tenants::Plan plan) {
  const auto* own = snapshot.limit(LimitScope::kPlan, to_string(plan));
  return completed(own == nullptr ? tenants::default_limit(plan) : *own, tenants::default_limit(plan));
}

NamedLimit with_plan(NamedLimit named, const tenants::Snapshot& snapshot, tenants::Plan plan) {
  auto fallback = plan_limit(snapshot, plan);
  fallback.days.reset();
  named.own = named.limit;
  named.limit = completed(named.limit, fallback);
  named.plan = to_string(plan);
  return named;
}

void add_rows(const AdminServices& services, const NamedLimit& named, Json& items) {
  const auto& limit = named.limit;
  for (const auto measure : kMeasureList) {
    if (limit.rate(measure)) items.push_back(rate_row(services, named, measure, *limit.rate(measure)));
  }
  if (limit.connections) {
    auto json = row(named, "connections", std::to_string(*limit.connections));
    if (services.open_connections) json["used"] = services.open_connections(limit);
    items.push_back(std::move(json));
  }
  if (limit.messages_per_connection) {
    items.push_back(row(named, "messages-per-connection", std::to_string(*limit.messages_per_connection)));
  }
  if (limit.days) items.push_back(row(named, "days", std::to_string(*limit.days)));
}

}  // namespace bulkhead::admin

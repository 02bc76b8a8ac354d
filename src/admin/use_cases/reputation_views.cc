#include "src/admin/use_cases/reputation_views.h"

#include <cmath>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"

namespace bulkhead::admin {

namespace {

// Counts fade, so they have as many digits as there are; nobody reads more than three.
Json rounded(double number) {
  return std::round(number * 1000) / 1000;
}

Json time_or_null(UtcTime time) {
  return time == UtcTime{} ? Json(nullptr) : Json(to_rfc3339(time));
}

Json tenant_or_null(const tenants::Snapshot& snapshot, const TenantId& tenant) {
  return tenant.is_nil() ? Json(nullptr) : Json(tenant_name(snapshot, tenant));
}

Json samples_json(const std::vector<reputation::Sample>& samples) {
  Json items = Json::array();
  for (const auto& sample : samples) {
    items.push_back(Json{{"at", to_rfc3339(sample.at)}, {"signal", to_string(sample.signal)}, {"text", sample.text}});
  }
  return items;
}

// What the rule saw; null when a person or the time has decided.
Json measure_json(const std::optional<reputation::Measure>& measure) {
  if (!measure) return Json(nullptr);
  const bool has_share = measure->whole > 0;
  return Json{{"signal", to_string(measure->signal)},
              {"within", in_words(measure->window)},
              {"count", rounded(measure->count)},
              {"count_allowed", rounded(measure->count_min)},
              {"share", has_share ? rounded(measure->share) : Json(nullptr)},
              {"share_allowed", has_share ? rounded(measure->share_over) : Json(nullptr)},
              {"share_of", has_share ? rounded(measure->whole) : Json(nullptr)},
              {"busiest_day", rounded(measure->busiest_day)},
              {"busiest_minute", rounded(measure->busiest_minute)},
              {"distinct", rounded(measure->distinct)}};
}

Json readings_json(const std::vector<cases::SignalReading>& readings) {
  Json signals = Json::object();
  for (const auto& reading : readings) {
    signals[std::string{to_string(reading.signal)}] =
        Json{{"hour", rounded(reading.hour)}, {"day", rounded(reading.day)}};
  }
  return signals;
}

// A signal that was never counted says nothing.
Json signals_json(const reputation::Standing& standing) {
  Json signals = Json::object();
  for (std::size_t i = 0; i < standing.last_day.size(); ++i) {
    if (standing.last_day[i] < 0.5) continue;
    signals[std::string{to_string(static_cast<reputation::Signal>(i))}] =
        Json{{"hour", rounded(standing.last_hour[i])}, {"day", rounded(standing.last_day[i])}};
  }
  return signals;
}

}  // namespace

Status check_reason(std::string_view reason) {
  constexpr auto kMost = reputation::Record::kReasonSizeMax;
  if (reason.size() <= kMost) return {};
  return fail(ErrorCode::kInvalid, fmt::format("the reason has {} octets, and {} are kept", reason.size(), kMost),
              "say it in short");
}

Json standing_json(const tenants::Snapshot& snapshot, const NamedKey& named, const reputation::Standing& standing,
                   UtcTime now) {
  const bool is_exempt = standing.exemption.holds(now);
  const auto exemption = is_exempt ? standing.exemption : reputation::Exemption{};
  const bool is_normal = standing.state == reputation::State::kNormal;
  std::string words = standing.words;
  if (const auto text = standing.key.text(); words.starts_with(text)) words.replace(0, text.size(), named.name);
  return Json{{"kind", to_string(standing.key.kind)},
              {"name", named.name},
              {"tenant", tenant_or_null(snapshot, named.tenant)},
              {"state", to_string(standing.state)},
              {"since", is_normal ? Json(nullptr) : time_or_null(standing.since)},
              {"until", is_normal ? Json(nullptr) : time_or_null(standing.until)},
              {"exempt_until", time_or_null(exemption.until)},
              {"exempt_reason", exemption.reason},
              {"exempt_by", exemption.by.empty() ? Json(nullptr) : Json(exemption.by)},
              {"exempt_since", time_or_null(exemption.since)},
              {"strikes", standing.strikes},
              {"usual_day", rounded(standing.daily)},
              {"busiest_day", rounded(standing.busiest_day)},
              {"busiest_minute", rounded(standing.busiest_minute)},
              {"distinct_today", rounded(standing.distinct_today)},
              {"signals", signals_json(standing)},
              {"samples", samples_json(standing.samples)},
              {"words", words}};
}

Json case_json(const tenants::Snapshot& snapshot, const cases::Case& one) {
  Json steps = Json::array();
  for (const auto& step : one.steps) {
    steps.push_back(Json{{"at", to_rfc3339(step.at)}, {"by", step.by}, {"what", step.what}});
  }
  return Json{{"id", one.id.text()},
              {"status", to_string(one.status)},
              {"kind", to_string(one.key.kind)},
              {"name", one.name},
              {"tenant", tenant_or_null(snapshot, one.tenant)},
              {"state", to_string(one.state)},
              {"rule", one.rule},
              {"words", one.words},
              {"client_ip", one.client.empty() ? Json(nullptr) : Json(one.client)},
              {"client_ips", one.clients},
              {"opened_at", to_rfc3339(one.opened_at)},
              {"until", one.is_acting() ? time_or_null(one.until) : Json(nullptr)},
              {"closed_at", time_or_null(one.closed_at)},
              {"evidence", measure_json(one.measure)},
              {"signals", readings_json(one.signals)},
              {"samples", samples_json(one.samples)},
              {"steps", std::move(steps)}};
}

bool is_below_node(const PolicyScope& scope) {
  return scope.tenant.has_value() || !scope.plan.empty();
}

bool is_judged_by_node(reputation::KeyKind kind) {
  using reputation::KeyKind;
  return kind != KeyKind::kAccount && kind != KeyKind::kTenant && kind != KeyKind::kDomain;
}

Json policy_json(const PolicyScope& scope, const tenants::Snapshot& snapshot, const PolicySettings& settings,
                 const reputation::Policy& policy) {
  Json rules = Json::array();
  for (const auto& rule : policy.rules) {
    const auto own = settings.rules.find(rule.name);
    const bool is_elsewhere = is_below_node(scope) && is_judged_by_node(rule.kind);
    rules.push_back(Json{{"rule", rule.name},
                         {"kind", to_string(rule.kind)},
                         {"leads_to", to_string(rule.leads_to)},
                         {"signal", to_string(rule.signal)},
                         {"within", in_words(rule.window)},
                         {"count", rule.count_min},
                         {"share_over", rule.whole == reputation::Whole::kNone ? Json(nullptr) : Json(rule.share_over)},
                         {"volume", rule.whole == reputation::Whole::kNone ? Json(nullptr) : Json(rule.whole_min)},
                         {"shadow", rule.is_shadow},
                         {"own", !is_elsewhere && own != settings.rules.end() && !own->second.empty()}});
  }
  return Json{{"tenant", scope.tenant ? Json(tenant_name(snapshot, *scope.tenant)) : Json(nullptr)},
              {"plan", scope.plan.empty() ? Json(nullptr) : Json(scope.plan)},
              {"shadow", policy.is_shadow},
              {"lock_sign_in", settings.locks_sign_in ? Json(*settings.locks_sign_in) : Json(nullptr)},
              {"rules", std::move(rules)}};
}

}  // namespace bulkhead::admin

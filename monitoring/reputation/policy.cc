#include "monitoring/reputation/policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::reputation {

const Rule* Policy::find(std::string_view name) const {
  const auto found = std::find_if(rules.begin(), rules.end(), [name](const Rule& rule) { return rule.name == name; });
  return found == rules.end() ? nullptr : &*found;
}

namespace {

Status check(std::string_view name, std::string_view what, const std::optional<double>& value, double least,
             double most) {
  if (!value || (*value >= least && *value <= most)) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} is no {} for the rule {}", *value, what, name),
              fmt::format("from {} to {}", least, most));
}

}  // namespace

Status Policy::set(std::string_view name, const RuleSettings& settings) {
  const auto rule = std::ranges::find(rules, name, &Rule::name);
  if (rule == rules.end()) return fail(ErrorCode::kNotFound, fmt::format("there is no rule {}", name));
  if (rule->whole == Whole::kNone && (settings.share || settings.volume)) {
    return fail(ErrorCode::kInvalid, fmt::format("the rule {} looks at no share", name), "set its count");
  }
  for (const auto& checked : {check(name, "count", settings.count, 1, 1e9), check(name, "share", settings.share, 0, 1),
                              check(name, "volume", settings.volume, 1, 1e9)}) {
    if (!checked) return checked;
  }
  rule->count_min = settings.count.value_or(rule->count_min);
  rule->share_over = settings.share.value_or(rule->share_over);
  rule->whole_min = settings.volume.value_or(rule->whole_min);
  rule->is_shadow = settings.is_shadow.value_or(rule->is_shadow);
  return {};
}

std::chrono::seconds Policy::hold(KeyKind kind, State state, int strikes) const {
  constexpr std::chrono::seconds kMost = std::chrono::hours{24 * 7};
  if (state == State::kThrottled) return throttled;
  if (state != State::kQuarantined) return watched;
  const auto first = kind == KeyKind::kClient ? client_quarantined : quarantined;
  return std::min(first * (1 << std::clamp(strikes, 0, 8)), std::max(kMost, first));
}

const Policy& PolicyBook::of(KeyKind kind, const TenantId& tenant, std::string_view plan) const {
  const bool is_senders = kind == KeyKind::kAccount || kind == KeyKind::kTenant || kind == KeyKind::kDomain;
  if (!is_senders) return *usual_;
  const auto in = [plan](const ByPlan& policies) { return policies.find(plan); };
  if (const auto own = tenants_.find(tenant); own != tenants_.end()) {
    if (const auto found = in(own->second); found != own->second.end()) return *found->second;
    if (const auto found = own->second.find(""); found != own->second.end()) return *found->second;
  }
  const auto found = in(plans_);
  return found == plans_.end() ? *usual_ : *found->second;
}

}  // namespace bulkhead::reputation

#include "monitoring/reputation/policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::reputation {

const Rule* Policy::find(std::string_view name) const {
  const auto found = std::find_if(rules.begin(), rules.end(), [name](const Rule& rule) { return rule.name == name; });
  return found == rules.end() ? nullptr : &*found;
}

Status Policy::set_count(std::string_view name, double count_min) {
  if (!(count_min > 0) || count_min > 1e9) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is no count for the rule {}", count_min, name), "from 1 to 1e9");
  }
  for (auto& rule : rules) {
    if (rule.name != name) continue;
    rule.count_min = count_min;
    return {};
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no rule {}", name));
}

Status Policy::set_shadow(std::string_view name, bool is_rule_shadow) {
  for (auto& rule : rules) {
    if (rule.name != name) continue;
    rule.is_shadow = is_rule_shadow;
    return {};
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no rule {}", name));
}

std::chrono::seconds Policy::hold(KeyKind kind, State state, int strikes) const {
  constexpr std::chrono::seconds kMost = std::chrono::hours{24 * 7};
  if (state == State::kThrottled) return throttled;
  if (state != State::kQuarantined) return watched;
  const auto first = kind == KeyKind::kClient ? client_quarantined : quarantined;
  return std::min(first * (1 << std::clamp(strikes, 0, 8)), std::max(kMost, first));
}

const Policy& PolicyBook::of(TenantId tenant, std::string_view plan) const {
  if (const auto own = tenants_.find(tenant); own != tenants_.end()) return own->second;
  const auto found = plans_.find(plan);
  return found == plans_.end() ? usual_ : found->second;
}

}  // namespace bulkhead::reputation

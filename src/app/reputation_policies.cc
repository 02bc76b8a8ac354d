#include "src/app/reputation_policies.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace bulkhead::app {

namespace {

using admin::PolicyScope;
using admin::PolicySettings;
using reputation::Policy;

constexpr std::string_view kNode = "node";
constexpr std::string_view kPlan = "plan/";
constexpr std::string_view kTenant = "tenant/";

// One setting a line, "count RULE 25", "shadow yes": readable where it is stored.
std::string encode(const PolicySettings& settings) {
  std::string out;
  const auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  if (settings.is_shadow) out += fmt::format("shadow {}\n", yes_no(*settings.is_shadow));
  if (settings.locks_sign_in) out += fmt::format("lock {}\n", yes_no(*settings.locks_sign_in));
  for (const auto& [rule, count] : settings.counts) out += fmt::format("count {} {}\n", rule, count);
  for (const auto& [rule, shadow] : settings.shadow_by_rule) out += fmt::format("rule {} {}\n", rule, yes_no(shadow));
  return out;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

bool read_line(std::string_view line, PolicySettings& settings) {
  const auto words = words_of(line);
  if (words.size() < 2) return false;
  const bool is_yes = words.back() == "yes";
  if (words[0] == "shadow") {
    settings.is_shadow = is_yes;
  } else if (words[0] == "lock") {
    settings.locks_sign_in = is_yes;
  } else if (words[0] == "rule" && words.size() == 3) {
    settings.shadow_by_rule[std::string{words[1]}] = is_yes;
  } else if (words[0] == "count" && words.size() == 3) {
    double count = 0;
    const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), count);
    if (error != std::errc{} || end != words[2].data() + words[2].size()) return false;
    settings.counts[std::string{words[1]}] = count;
  } else {
    return false;
  }
  return true;
}

Status check(const PolicySettings& settings) {
  Policy policy = reputation::default_policy();
  for (const auto& [rule, count] : settings.counts) {
    if (auto set = policy.set_count(rule, count); !set) return set;
  }
  for (const auto& [rule, shadow] : settings.shadow_by_rule) {
    if (auto set = policy.set_shadow(rule, shadow); !set) return set;
  }
  return {};
}

}  // namespace

std::string ReputationPolicies::name_of(const PolicyScope& scope) {
  if (scope.tenant) return std::string{kTenant} + scope.tenant->text();
  return scope.plan.empty() ? std::string{kNode} : std::string{kPlan} + scope.plan;
}

Status ReputationPolicies::set(const PolicyScope& scope, PolicySettings settings) {
  if (auto checked = check(settings); !checked) return checked;
  const auto name = name_of(scope);
  if (settings.empty()) {
    settings_.erase(name);
  } else {
    settings_[name] = std::move(settings);
  }
  return {};
}

PolicySettings ReputationPolicies::settings(const PolicyScope& scope) const {
  const auto found = settings_.find(name_of(scope));
  return found == settings_.end() ? PolicySettings{} : found->second;
}

void ReputationPolicies::apply(const std::string& name, Policy& policy) const {
  const auto found = settings_.find(name);
  if (found != settings_.end()) {
    const auto& settings = found->second;
    if (settings.is_shadow) policy.is_shadow = *settings.is_shadow;
    // Checked when they were set; a rule that is no more shipped is passed over.
    for (const auto& [rule, count] : settings.counts) (void)policy.set_count(rule, count);
    for (const auto& [rule, shadow] : settings.shadow_by_rule) (void)policy.set_shadow(rule, shadow);
  }
  policy.is_shadow = policy.is_shadow || is_shadow_;
}

// A plan's own counts are larger than the usual ones: what the node sets concerns the usual ones, and shadow mode.
Policy ReputationPolicies::of_plan(std::string_view plan) const {
  Policy policy = plan == "bulk" ? reputation::bulk_policy() : reputation::default_policy();
  if (plan != "bulk") {
    apply(std::string{kNode}, policy);
  } else if (const auto node = settings_.find(std::string{kNode}); node != settings_.end()) {
    policy.is_shadow = node->second.is_shadow.value_or(false);
  }
  if (!plan.empty()) apply(std::string{kPlan} + std::string{plan}, policy);
  policy.is_shadow = policy.is_shadow || is_shadow_;
  return policy;
}

Policy ReputationPolicies::policy(const PolicyScope& scope, const tenants::Snapshot& directory) const {
  if (!scope.tenant) return of_plan(scope.plan);
  const auto* tenant = directory.tenant(*scope.tenant);
  Policy policy = of_plan(tenant == nullptr ? std::string_view{} : to_string(tenant->plan));
  apply(name_of(scope), policy);
  return policy;
}

bool ReputationPolicies::locks_sign_in(const TenantId& tenant) const {
  const PolicyScope of_tenant{.tenant = tenant, .plan = {}};
  for (const auto& scope : {of_tenant, PolicyScope{}}) {
    const auto found = settings_.find(name_of(scope));
    if (found != settings_.end() && found->second.locks_sign_in) return *found->second.locks_sign_in;
  }
  return false;
}

std::shared_ptr<const reputation::PolicyBook> ReputationPolicies::book(const tenants::Snapshot& directory) const {
  auto book = std::make_shared<reputation::PolicyBook>();
  book->set_usual(of_plan({}));
  book->set_plan("bulk", of_plan("bulk"));
  for (const auto& [name, settings] : settings_) {
    if (name.starts_with(kPlan)) {
      book->set_plan(name.substr(kPlan.size()), of_plan(name.substr(kPlan.size())));
    } else if (name.starts_with(kTenant)) {
      const auto id = TenantId::parse(name.substr(kTenant.size()));
      if (id) book->set_tenant(*id, policy({.tenant = *id, .plan = {}}, directory));
    }
  }
  return book;
}

std::string ReputationPolicies::stored(const PolicyScope& scope) const {
  return encode(settings(scope));
}

Status ReputationPolicies::restore(std::string_view name, std::string_view stored) {
  PolicySettings settings;
  bool is_good = true;
  while (!stored.empty()) {
    const auto end = std::min(stored.find('\n'), stored.size());
    is_good = read_line(stored.substr(0, end), settings) && is_good;
    stored.remove_prefix(std::min(end + 1, stored.size()));
  }
  if (!is_good) return fail(ErrorCode::kCorrupt, "settings of reputation cannot be read: " + std::string{name});
  settings_[std::string{name}] = std::move(settings);
  return {};
}

}  // namespace bulkhead::app

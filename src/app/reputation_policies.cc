#include "src/app/reputation_policies.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
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
constexpr std::string_view kBulk = "bulk";

// The figures of a rule by the names that they are stored under.
using Figure = std::optional<double> reputation::RuleSettings::*;
constexpr std::array<std::pair<std::string_view, Figure>, 3> kFigures{{{"count", &reputation::RuleSettings::count},
                                                                       {"share", &reputation::RuleSettings::share},
                                                                       {"volume", &reputation::RuleSettings::volume}}};

// One setting a line, "count RULE 25", "shadow yes": readable where it is stored.
std::string encode(const PolicySettings& settings) {
  std::string out;
  const auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  if (settings.is_shadow) out += fmt::format("shadow {}\n", yes_no(*settings.is_shadow));
  if (settings.locks_sign_in) out += fmt::format("lock {}\n", yes_no(*settings.locks_sign_in));
  for (const auto& [rule, of_rule] : settings.rules) {
    for (const auto& [name, figure] : kFigures) {
      if (of_rule.*figure) out += fmt::format("{} {} {}\n", name, rule, *(of_rule.*figure));
    }
    if (of_rule.is_shadow) out += fmt::format("rule {} {}\n", rule, yes_no(*of_rule.is_shadow));
  }
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

bool read_figure(const std::vector<std::string_view>& words, PolicySettings& settings) {
  const auto figure = std::ranges::find(kFigures, words[0], &std::pair<std::string_view, Figure>::first);
  if (figure == kFigures.end() || words.size() != 3) return false;
  double value = 0;
  const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), value);
  if (error != std::errc{} || end != words[2].data() + words[2].size()) return false;
  settings.rules[std::string{words[1]}].*(figure->second) = value;
  return true;
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
    settings.rules[std::string{words[1]}].is_shadow = is_yes;
  } else {
    return read_figure(words, settings);
  }
  return true;
}

Status apply_to(Policy& policy, const PolicySettings& settings) {
  for (const auto& [rule, of_rule] : settings.rules) {
    if (auto set = policy.set(rule, of_rule); !set) return set;
  }
  return {};
}

}  // namespace

std::string ReputationPolicies::name_of(const PolicyScope& scope) {
  if (scope.tenant) return std::string{kTenant} + scope.tenant->text();
  return scope.plan.empty() ? std::string{kNode} : std::string{kPlan} + scope.plan;
}

Status ReputationPolicies::set(const PolicyScope& scope, PolicySettings settings) {
  Policy shipped = reputation::default_policy();
  if (auto applied = apply_to(shipped, settings); !applied) return applied;
  std::erase_if(settings.rules, [](const auto& rule) { return rule.second.empty(); });
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
    if (found->second.is_shadow) policy.is_shadow = *found->second.is_shadow;
    // Checked when they were set; a rule that is no more shipped is passed over.
    for (const auto& [rule, of_rule] : found->second.rules) (void)policy.set(rule, of_rule);
  }
  policy.is_shadow = policy.is_shadow || is_shadow_;
}

// A plan's own counts are larger than the usual ones: what the node sets concerns the usual ones, and shadow mode.
Policy ReputationPolicies::of_plan(std::string_view plan) const {
  Policy policy = plan == kBulk ? reputation::bulk_policy() : reputation::default_policy();
  if (plan != kBulk) {
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
  const auto share = [](Policy policy) { return std::make_shared<const Policy>(std::move(policy)); };
  auto book = std::make_shared<reputation::PolicyBook>(share(of_plan({})));
  std::set<std::string, std::less<>> plans;
  for (std::size_t i = 0; i < tenants::kPlans; ++i) plans.emplace(to_string(static_cast<tenants::Plan>(i)));
  for (const auto& plan : plans) book->set_plan(plan, share(of_plan(plan)));
  // Tenants that say the same of a plan share one policy: a reseller may set it for thousands.
  std::map<std::pair<std::string, std::string>, reputation::PolicyPtr, std::less<>> known;
  const auto of_tenant = [&](const std::string& name, const PolicySettings& settings, const std::string& plan) {
    auto& policy = known[{plan, encode(settings)}];
    if (policy == nullptr) {
      Policy own = of_plan(plan);
      apply(name, own);
      policy = share(std::move(own));
    }
    return policy;
  };
  for (const auto& [name, settings] : settings_) {
    const auto id = name.starts_with(kTenant) ? TenantId::parse(name.substr(kTenant.size())) : std::nullopt;
    if (!id) continue;
    const auto* tenant = directory.tenant(*id);
    const std::string usual{tenant == nullptr ? std::string_view{} : to_string(tenant->plan)};
    for (const auto& plan : plans) book->set_tenant(*id, plan, of_tenant(name, settings, plan));
    book->set_tenant(*id, "", of_tenant(name, settings, usual));
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

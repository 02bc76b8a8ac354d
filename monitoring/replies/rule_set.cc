#include "monitoring/replies/rule_set.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include "monitoring/replies/pattern_check.h"
#include "monitoring/replies/patterns.h"
#include "monitoring/replies/rule_reader.h"

namespace bulkhead::replies {

struct RuleSet::Compiled {
  std::unique_ptr<re2::RE2> pattern;  // none: any text
  bool has_groups = false;
};

struct RuleSet::Group {
  std::string provider;            // "" for any
  std::vector<std::size_t> rules;  // in their order
  std::unique_ptr<re2::RE2::Set> set;
  std::vector<std::size_t> in_set;  // the set's numbers → rules
};

// A reply made ready: normal text, enhanced code from wherever it stood.
struct RuleSet::Seen {
  Stage stage = Stage::kOther;
  int code = 0;
  EnhancedCode enhanced;
  std::string text;

  explicit Seen(const RemoteReply& reply) : stage(reply.stage), code(reply.code), text(normal_text(reply.text)) {
    auto found = EnhancedCode::parse_front(reply.enhanced);
    if (!found) found = EnhancedCode::parse_front(text);
    if (found) enhanced = *found;
  }
  re2::StringPiece piece() const { return {text.data(), text.size()}; }
};

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

tl::expected<std::shared_ptr<const RuleSet>, std::vector<RuleFault>> RuleSet::make(RuleFile file) {
  const std::shared_ptr<RuleSet> set{new RuleSet};
  auto faults = set->build(std::move(file));
  if (faults.size() > kFaultsMax) faults.resize(kFaultsMax);
  if (!faults.empty()) return tl::unexpected{std::move(faults)};
  return set;
}

tl::expected<std::shared_ptr<const RuleSet>, std::vector<RuleFault>> RuleSet::parse(std::string_view text) {
  auto file = read_rules(text);
  if (!file) return tl::unexpected{std::move(file.error())};
  return make(std::move(*file));
}

std::vector<RuleFault> RuleSet::build(RuleFile file) {
  std::vector<RuleFault> faults;
  std::set<std::string> names;
  for (const auto& provider : file.providers) {
    if (!names.insert(provider.name).second) {
      faults.push_back({provider.line, fmt::format("provider {} stands here a second time", provider.name)});
    }
    if (provider.suffixes.empty())
      faults.push_back({provider.line, fmt::format("provider {} has no mx", provider.name)});
  }
  // A file that was emptied by accident would leave every reply unread.
  if (file.rules.empty()) faults.push_back({1, "there is no rule in the file; to use the shipped ones name no file"});
  names.clear();
  for (const auto& rule : file.rules) {
    if (!names.insert(rule.name).second) {
      faults.push_back({rule.line, fmt::format("rule {} stands here a second time", rule.name)});
    }
  }
  providers_ = Providers{std::move(file.providers)};
  rules_ = std::move(file.rules);
  compile(faults);
  if (!faults.empty()) return faults;
  make_groups(faults);
  if (faults.empty()) check_fixtures(faults);
  return faults;
}

void RuleSet::compile(std::vector<RuleFault>& faults) {
  for (const auto& rule : rules_) {
    Compiled& compiled = compiled_.emplace_back();
    for (const auto& provider : rule.providers) {
      if (!providers_.has(provider)) {
        faults.push_back({rule.line, fmt::format("rule {}: there is no provider {}", rule.name, provider)});
      }
    }
    if (rule.pattern.empty() && rule.enhanced.empty() && rule.codes.empty()) {
      faults.push_back(
          {rule.line, fmt::format("rule {} fits every reply: it needs code, enhanced or text", rule.name)});
    }
    if (rule.pattern.empty()) continue;
    compiled.pattern = std::make_unique<re2::RE2>(rule.pattern, pattern_options());
    compiled.has_groups = compiled.pattern->ok() && !compiled.pattern->NamedCapturingGroups().empty();
    if (const auto complaint = complaint_about(rule.pattern, *compiled.pattern)) {
      faults.push_back({rule.line, fmt::format("rule {}: {}", rule.name, *complaint)});
    }
  }
}

void RuleSet::make_groups(std::vector<RuleFault>& faults) {
  for (const auto& provider : providers_.list()) groups_.emplace_back().provider = provider.name;
  groups_.emplace_back();
  for (auto& group : groups_) {
    group.set = std::make_unique<re2::RE2::Set>(pattern_options(), re2::RE2::UNANCHORED);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const auto& from = rules_[i].providers;
      const bool is_for_any = from.empty() && group.provider.empty();
      if (!is_for_any && std::find(from.begin(), from.end(), group.provider) == from.end()) continue;
      group.rules.push_back(i);
      if (!compiled_[i].pattern) continue;
      std::string error;
      if (group.set->Add(rules_[i].pattern, &error) < 0) {
        faults.push_back({rules_[i].line, fmt::format("rule {}: {}", rules_[i].name, error)});
        return;
      }
      group.in_set.push_back(i);
    }
    if (!group.set->Compile()) faults.push_back({0, "the patterns together need too much memory"});
  }
}

const RuleSet::Group* RuleSet::group_of(std::string_view provider) const {
  const auto found =
      std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.provider == provider; });
  return found == groups_.end() ? nullptr : &*found;
}

bool RuleSet::has_match(std::size_t rule, const Seen& seen) const {
  return !compiled_[rule].pattern || re2::RE2::PartialMatch(seen.piece(), *compiled_[rule].pattern);
}

std::optional<std::size_t> RuleSet::decide(const Group& group, const Seen& seen,
                                           std::vector<std::size_t>& shadows) const {
  std::vector<int> numbers;
  std::vector<std::size_t> matched;
  re2::RE2::Set::ErrorInfo error{};
  bool is_complete = true;
  if (!group.in_set.empty() && !group.set->Match(seen.piece(), &numbers, &error)) {
    // A text that makes the automaton of the set outgrow its memory is matched against each pattern by itself.
    is_complete = error.kind == re2::RE2::Set::kNoError;
  }
  for (const int number : numbers) matched.push_back(group.in_set[static_cast<std::size_t>(number)]);
  std::sort(matched.begin(), matched.end());
  for (const std::size_t rule : group.rules) {
    if (!rules_[rule].fits(seen.stage, seen.code, seen.enhanced)) continue;
    const bool has_text =
        !compiled_[rule].pattern ||
        (is_complete ? std::binary_search(matched.begin(), matched.end(), rule) : has_match(rule, seen));
    if (!has_text) continue;
    if (!rules_[rule].is_shadow) return rule;
    shadows.push_back(rule);
  }
  return std::nullopt;
}

std::optional<std::size_t> RuleSet::decide(const Seen& seen, std::string_view provider,
                                           std::vector<std::size_t>& shadows) const {
  const Group* const own = provider.empty() ? nullptr : group_of(provider);
  if (own != nullptr) {
    if (const auto rule = decide(*own, seen, shadows)) return rule;
  }
  return decide(groups_.back(), seen, shadows);
}

void RuleSet::capture(std::size_t rule, const Seen& seen, Extracted& out) const {
  const re2::RE2& pattern = *compiled_[rule].pattern;
  std::vector<re2::StringPiece> parts(static_cast<std::size_t>(pattern.NumberOfCapturingGroups()) + 1);
  if (!pattern.Match(seen.piece(), 0, seen.text.size(), re2::RE2::UNANCHORED, parts.data(),
                     static_cast<int>(parts.size()))) {
    return;
  }
  const auto& names = pattern.NamedCapturingGroups();
  const auto part = [&](const char* name) -> std::string_view {
    const auto found = names.find(name);
    if (found == names.end()) return {};
    const auto& piece = parts[static_cast<std::size_t>(found->second)];
    return {piece.data(), piece.size()};
  };
  if (const auto ip = listed_address(part("address"))) out.address = ip;
  if (!part("zone").empty()) out.zone = std::string{part("zone")};
  if (const auto time = retry_time(part("retry"), part("unit"))) out.retry_after = time;
}

Classification RuleSet::classify(const RemoteReply& reply) const {
  const Seen seen{reply};
  Classification out;
  std::vector<std::size_t> shadows;
  const auto decided = decide(seen, reply.provider, shadows);
  for (const std::size_t shadow : shadows) out.shadow.push_back(rules_[shadow].name);
  out.carried = extractor_.extract(seen.text);
  if (!decided) return out;
  const Rule& rule = rules_[*decided];
  out.rule = rule.name;
  out.primary = rule.primary;
  out.classes = rule.classes;
  out.detail = rule.detail;
  out.fault = rule.fault;
  out.disposition = rule.disposition;
  out.pace = rule.pace;
  if (compiled_[*decided].has_groups) capture(*decided, seen, out.carried);
  if (out.carried.zone.empty()) out.carried.zone = rule.zone;
  return out;
}

void RuleSet::check_fixture(const Rule& rule, const Fixture& fixture, std::vector<RuleFault>& faults) const {
  std::vector<std::size_t> shadows;
  const auto decided = decide(Seen{fixture.reply()}, fixture.provider, shadows);
  const std::string_view by = decided ? std::string_view{rules_[*decided].name} : std::string_view{};
  const bool is_shadowed =
      std::any_of(shadows.begin(), shadows.end(), [&](std::size_t s) { return &rules_[s] == &rule; });
  if (by == rule.name || is_shadowed) return;
  faults.push_back(
      {fixture.line, by.empty() ? fmt::format("rule {} does not match this", rule.name)
                                : fmt::format("rule {} does not get this: rule {} comes before it", rule.name, by)});
}

void RuleSet::check_fixtures(std::vector<RuleFault>& faults) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if (rule.matches.empty())
      faults.push_back({rule.line, fmt::format("rule {} has no reply that matches", rule.name)});
    if (rule.differs.empty())
      faults.push_back({rule.line, fmt::format("rule {} has no reply that differs", rule.name)});
    for (const auto& fixture : rule.matches) {
      if (!fixture.provider.empty() && !providers_.has(fixture.provider)) {
        faults.push_back({fixture.line, fmt::format("there is no provider {}", fixture.provider)});
      }
      check_fixture(rule, fixture, faults);
    }
    for (const auto& fixture : rule.differs) {
      const Seen seen{fixture.reply()};
      const auto& from = rule.providers;
      const bool is_from = from.empty() || std::find(from.begin(), from.end(), fixture.provider) != from.end();
      if (is_from && rule.fits(seen.stage, seen.code, seen.enhanced) && has_match(i, seen)) {
        faults.push_back({fixture.line, fmt::format("rule {} matches this, and must not", rule.name)});
      }
    }
  }
}

}  // namespace bulkhead::replies

#include "monitoring/replies/rule_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "monitoring/replies/words.h"

namespace bulkhead::replies {

namespace {

// What a line of a stanza may say is wrong with it; nothing when it is right.
using Complaint = std::optional<std::string>;

Complaint read_list(std::string_view rest, std::vector<std::string>& out, bool (*is_right)(std::string_view),
                    std::string_view expected) {
  const auto words = words_of(rest);
  if (words.empty()) return fmt::format("expected {}", expected);
  for (const auto word : words) {
    if (!is_right(word)) return fmt::format("'{}' is not right: expected {}", word, expected);
    out.emplace_back(word);
  }
  return std::nullopt;
}

bool is_suffix(std::string_view text) {
  return text.starts_with('.') && is_domain(text.substr(1));
}

template <class Value>
Complaint read_values(std::string_view rest, std::vector<Value>& out, std::optional<Value> (*parse)(std::string_view),
                      std::string_view expected) {
  for (const auto word : words_of(rest)) {
    const auto value = parse(word);
    if (!value) return fmt::format("'{}' is not right: expected {}", word, expected);
    out.push_back(*value);
  }
  if (out.empty()) return fmt::format("expected {}", expected);
  return std::nullopt;
}

Complaint read_class(std::string_view rest, Rule& rule) {
  const auto words = words_of(rest);
  if (words.empty()) return "expected one or more classes";
  for (const auto word : words) {
    const auto value = parse_reply_class(word);
    if (!value || *value == ReplyClass::kUnknown) {
      return fmt::format(
          "there is no class '{}': expected rep-ip, rep-dom, rate, conn, authn, content, policy, rcpt, grey, temp or "
          "receiver",
          word);
    }
    if (rule.classes.is_empty()) rule.primary = *value;
    rule.classes.add(*value);
  }
  return std::nullopt;
}

Complaint read_actions(std::string_view rest, Rule& rule) {
  const auto words = words_of(rest);
  if (words.empty()) return "expected what to do";
  for (const auto word : words) {
    const auto disposition = parse_disposition(word);
    const auto pace = parse_pace(word);
    if (disposition) rule.disposition = *disposition;
    if (pace) rule.pace = *pace;
    if (!disposition && !pace) {
      return fmt::format("'{}' is not right: expected defer, fail, reconnect, fewer-connections, slow-down, pause",
                         word);
    }
  }
  return std::nullopt;
}

// "{provider stage}" before a fixture: where the reply came from, when that is not what the rule says.
Complaint read_origin(std::string_view& rest, Fixture& fixture) {
  if (!rest.starts_with('{')) return std::nullopt;
  const auto end = rest.find('}');
  if (end == std::string_view::npos) return "the '{' has no '}'";
  std::string_view inside = rest.substr(1, end - 1);
  rest = trimmed(rest.substr(end + 1));
  const std::string_view provider = take_word(inside);
  if (!provider.empty()) fixture.provider = provider == "-" ? std::string_view{} : provider;
  if (inside.empty()) return std::nullopt;
  const auto stage = parse_stage(inside);
  if (!stage) return fmt::format("there is no stage '{}'", inside);
  fixture.stage = *stage;
  return std::nullopt;
}

Complaint read_fixture(std::string_view rest, const Rule& rule, Fixture& fixture) {
  fixture.provider = rule.providers.empty() ? std::string{} : rule.providers.front();
  fixture.stage = rule.stages.empty() ? Stage::kEndOfData : rule.stages.front();
  if (auto complaint = read_origin(rest, fixture)) return complaint;
  const auto code = parse_code(take_word(rest));
  if (!code || *code < 400) return "expected a reply: a code from 400 to 599, then its text";
  fixture.code = *code;
  fixture.text = std::string{rest};
  return std::nullopt;
}

class Reader {
 public:
  tl::expected<RuleFile, std::vector<RuleFault>> read(std::string_view text) {
    if (text.size() > kRuleFileSizeMax) {
      complain(fmt::format("the file has {} bytes, at most {} are read", text.size(), kRuleFileSizeMax));
      return tl::unexpected{std::move(faults_)};
    }
    while (!text.empty() && faults_.size() < kFaultsMax) {
      const auto end = std::min(text.find('\n'), text.size());
      ++line_;
      read_line(trimmed(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    end_stanza();
    if (!faults_.empty()) return tl::unexpected{std::move(faults_)};
    return std::move(file_);
  }

 private:
  enum class Stanza { kNone, kProvider, kRule };

  void complain(std::string message) { complain_at(line_, std::move(message)); }
  void complain_at(int line, std::string message) {
    if (faults_.size() < kFaultsMax) faults_.push_back({line, std::move(message)});
  }

  void read_line(std::string_view line) {
    if (line.empty() || line.front() == '#') return;
    if (std::any_of(line.begin(), line.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; })) {
      complain("a control character in the line");
      return;
    }
    std::string_view rest = line;
    const std::string_view key = take_word(rest);
    if (key == "provider") {
      begin_provider(rest);
    } else if (key == "rule") {
      begin_rule(rest);
    } else if (auto complaint = read_key(key, rest)) {
      complain(std::move(*complaint));
    }
  }

  void begin_provider(std::string_view name) {
    end_stanza();
    stanza_ = Stanza::kProvider;
    if (!is_name(name)) complain(fmt::format("'{}' is no name: lower-case letters, digits and hyphens", name));
    file_.providers.push_back({std::string{name}, line_, {}, {}});
  }
  void begin_rule(std::string_view name) {
    end_stanza();
    stanza_ = Stanza::kRule;
    if (!is_name(name)) complain(fmt::format("'{}' is no name: lower-case letters, digits and hyphens", name));
    if (file_.rules.size() == kRulesMax) complain(fmt::format("more than {} rules", kRulesMax));
    has_fault_ = has_pace_ = false;
    file_.rules.emplace_back();
    file_.rules.back().name = std::string{name};
    file_.rules.back().line = line_;
  }

  Complaint read_key(std::string_view key, std::string_view rest) {
    switch (stanza_) {
      case Stanza::kNone:
        return fmt::format("'{}' stands before the first 'provider' or 'rule'", key);
      case Stanza::kProvider:
        return read_provider_key(key, rest, file_.providers.back());
      case Stanza::kRule:
        return read_rule_key(key, rest, file_.rules.back());
    }
    return std::nullopt;
  }

  static Complaint read_provider_key(std::string_view key, std::string_view rest, Provider& provider) {
    if (key == "mx") return read_list(rest, provider.suffixes, is_suffix, "suffixes of MX hosts like .google.com");
    if (key == "site") return read_list(rest, provider.sites, is_domain, "names of sites like google.com");
    return fmt::format("a provider has no '{}': expected mx or site", key);
  }

  Complaint read_rule_key(std::string_view key, std::string_view rest, Rule& rule) {
    if (key == "from") return read_list(rest, rule.providers, is_name, "names of providers");
    if (key == "stage")
      return read_values(rest, rule.stages, parse_stage, "stages: greeting hello starttls mail rcpt data end other");
    if (key == "code") return read_values(rest, rule.codes, parse_code_range, "codes like 421, 4xx or 550-559");
    if (key == "enhanced") {
      return read_values(rest, rule.enhanced, parse_enhanced_range, "codes like 4.7.28, *.7.1, 4.7.500-699 or none");
    }
    if (key == "class") return read_class(rest, rule);
    if (key == "text") return read_text(rest, rule);
    return read_meaning(key, rest, rule);
  }

  Complaint read_meaning(std::string_view key, std::string_view rest, Rule& rule) {
    if (key == "detail") {
      if (!is_known_detail(rest)) return fmt::format("there is no detail '{}'", rest);
      rule.detail = std::string{rest};
    } else if (key == "fault") {
      const auto fault = parse_fault(rest);
      if (!fault) return "expected a fault: address, domain, message, recipient or receiver";
      rule.fault = *fault;
      has_fault_ = true;
    } else if (key == "do") {
      has_pace_ = true;
      rule.pace = default_pace(rule.primary);
      return read_actions(rest, rule);
    } else if (key == "zone") {
      if (!is_domain(rest)) return "expected the name of one list like zen.spamhaus.org";
      rule.zone = std::string{rest};
    } else if (key == "shadow" && rest.empty()) {
      rule.is_shadow = true;
    } else if (key == "match" || key == "differs") {
      Fixture fixture{.line = line_, .provider = {}, .text = {}};
      if (auto complaint = read_fixture(rest, rule, fixture)) return complaint;
      (key == "match" ? rule.matches : rule.differs).push_back(std::move(fixture));
    } else {
      return fmt::format("a rule has no '{}'", key);
    }
    return std::nullopt;
  }

  static Complaint read_text(std::string_view rest, Rule& rule) {
    if (rest.empty()) return "expected a pattern";
    if (!rule.pattern.empty()) return "a rule has one text; join patterns with '|'";
    rule.pattern = std::string{rest};
    return std::nullopt;
  }

  void end_stanza() {
    if (stanza_ != Stanza::kRule) return;
    Rule& rule = file_.rules.back();
    if (!has_fault_) rule.fault = default_fault(rule.primary);
    if (!has_pace_) rule.pace = default_pace(rule.primary);
    if (rule.classes.is_empty()) complain_at(rule.line, fmt::format("rule {} has no class", rule.name));
  }

  int line_ = 0;
  Stanza stanza_ = Stanza::kNone;
  bool has_fault_ = false;
  bool has_pace_ = false;
  RuleFile file_;
  std::vector<RuleFault> faults_;
};

}  // namespace

tl::expected<RuleFile, std::vector<RuleFault>> read_rules(std::string_view text) {
  return Reader{}.read(text);
}

}  // namespace bulkhead::replies

// The rules as they decide: checked, compiled, immutable.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "monitoring/replies/extraction.h"
#include "monitoring/replies/providers.h"
#include "monitoring/replies/remote_reply.h"
#include "monitoring/replies/reply_class.h"
#include "monitoring/replies/rule.h"

namespace bulkhead::replies {

// What a reply means.
struct Classification {
  std::string rule;  // which decided; "" when no rule knows the reply
  ReplyClass primary = ReplyClass::kUnknown;
  ClassSet classes;    // the primary one and others that the reply is about as well; empty for unknown replies
  std::string detail;  // "unknown-user", "ptr", …: what the class does not tell; may be empty
  Fault fault = Fault::kMessage;
  Disposition disposition = Disposition::kAsCode;
  Pace pace = Pace::kUnchanged;
  Extracted carried;                // what the text says besides
  std::vector<std::string> shadow;  // rules in shadow that would have decided

  bool is_known() const { return primary != ReplyClass::kUnknown; }
};

// Immutable; every member may be called from every thread at the same time.
class RuleSet {
 public:
  // Checks the file as a whole and compiles it. Refused, with every fault found: no rule at all; unknown providers; a
  // name used twice; a rule without a fixture that matches or without one that differs; a fixture that another rule
  // decides (so that a rule which can never decide is refused) or that is classified although it must differ; patterns
  // that do not compile, match the empty text, or are expensive; named groups that mean nothing.
  static tl::expected<std::shared_ptr<const RuleSet>, std::vector<RuleFault>> make(RuleFile file);
  // read_rules() and make() in one.
  static tl::expected<std::shared_ptr<const RuleSet>, std::vector<RuleFault>> parse(std::string_view text);
  ~RuleSet();

  // Rules of the reply's provider come first, in their order, then those of any provider; the first that fits decides.
  // Bounded: the first kTextSizeMax octets are looked at, once for each of the two groups, in linear time.
  Classification classify(const RemoteReply& reply) const;

  const Providers& providers() const { return providers_; }
  const std::vector<Rule>& rules() const { return rules_; }

 private:
  struct Compiled;
  struct Group;
  struct Seen;

  RuleSet();
  std::vector<RuleFault> build(RuleFile file);
  void compile(std::vector<RuleFault>& faults);
  void make_groups(std::vector<RuleFault>& faults);
  void check_fixtures(std::vector<RuleFault>& faults) const;
  void check_fixture(const Rule& rule, const Fixture& fixture, std::vector<RuleFault>& faults) const;
  bool has_match(std::size_t rule, const Seen& seen) const;
  const Group* group_of(std::string_view provider) const;
  // The index of the rule of the group that decides, or nothing; shadows that come before it are added.
  std::optional<std::size_t> decide(const Group& group, const Seen& seen, std::vector<std::size_t>& shadows) const;
  std::optional<std::size_t> decide(const Seen& seen, std::string_view provider,
                                    std::vector<std::size_t>& shadows) const;
  void capture(std::size_t rule, const Seen& seen, Extracted& out) const;

  Providers providers_;
  std::vector<Rule> rules_;
  std::vector<Compiled> compiled_;  // one for each rule
  std::vector<Group> groups_;       // one for each provider; the last is for any
  Extractor extractor_;
};

}  // namespace bulkhead::replies

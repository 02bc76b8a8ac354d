// Reputation as the administration sees it: states, cases, policies, and the rules that read replies.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitoring/cases/case.h"
#include "monitoring/replies/unknown_replies.h"
#include "monitoring/reputation/policy.h"
#include "monitoring/reputation/reputation.h"
#include "src/base/task.h"
#include "src/net/shard.h"

namespace bulkhead::admin {

// What a scope says of the policy that holds in it; what is not given is as it was.
struct PolicySettings {
  std::optional<bool> is_shadow;
  std::optional<bool> locks_sign_in;  // of accounts that are quarantined
  std::map<std::string, reputation::RuleSettings, std::less<>> rules;

  bool empty() const { return !is_shadow && !locks_sign_in && rules.empty(); }
};

// Whom settings are for: the node, a plan, or a tenant.
struct PolicyScope {
  std::optional<TenantId> tenant;
  std::string plan;  // "" with neither: the node
};

// What a person orders about a key.
struct StateOrder {
  reputation::Key key;
  TenantId tenant;   // whose it is; nil when nobody's
  std::string name;  // of the key, for people
  reputation::State state = reputation::State::kNormal;
  std::chrono::seconds lasts{0};
  std::string reason;
  std::string by;
};

struct RuleCount {
  std::string rule;
  std::uint64_t decided = 0;
  std::uint64_t shadowed = 0;
};

// On shard() only, but for shard() itself.
class ReputationDesk {
 public:
  virtual ~ReputationDesk() = default;
  virtual net::Shard& shard() = 0;

  // The worst first, then by key; with `after` what stands behind it.
  virtual std::vector<reputation::Standing> list(reputation::KeyKind kind, reputation::State least, std::size_t most,
                                                 const std::optional<reputation::Rank>& after) const = 0;
  virtual reputation::Standing standing(const reputation::Key& key) const = 0;
  virtual Status set_state(const StateOrder& order) = 0;
  virtual Status exempt(const StateOrder& order) = 0;  // for `lasts`; zero ends it

  virtual std::vector<cases::Case> cases(const std::function<bool(const cases::Case&)>& wanted,
                                         const cases::CaseId& before, std::size_t most) const = 0;
  virtual std::optional<cases::Case> find_case(const cases::CaseId& id) const = 0;
  virtual Status close_case(const cases::CaseId& id, const std::string& by) = 0;
  virtual void note(const cases::CaseId& id, const std::string& by, std::string what) = 0;

  virtual PolicySettings settings(const PolicyScope& scope) const = 0;
  virtual reputation::Policy policy(const PolicyScope& scope) const = 0;  // that holds there
  // kInvalid and kNotFound for rules and counts that there are not.
  virtual Status set_policy(const PolicyScope& scope, PolicySettings settings) = 0;

  virtual std::vector<replies::UnknownReply> unknown_replies() const = 0;
  virtual std::vector<RuleCount> rule_counts() const = 0;

  // Ends when all that was changed so far is on stable storage and in force.
  virtual Task<Status> settle() = 0;
};

}  // namespace bulkhead::admin

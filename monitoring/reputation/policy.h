// The rules that turn counts into states, and how long states last.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/reputation/key.h"
#include "monitoring/reputation/record.h"
#include "monitoring/reputation/signal.h"
#include "src/base/result.h"

namespace bulkhead::reputation {

// What a share is taken of, over the last day, decayed.
enum class Whole : std::uint8_t {
  kNone,
  kAttempted,  // recipients delivered or refused for good
  kAddressed,  // recipients accepted, and those refused at once as unknown
  kDelivered,
  kMessages,
};

// A rule fires when everything that it asks for holds; zero asks for nothing. It is looked at when its signal is
// counted.
struct Rule {
  std::string name;  // "account-unknown-recipients"
  KeyKind kind = KeyKind::kAccount;
  State leads_to = State::kWatched;
  Signal signal = Signal::kBounces;
  Window window = Window::kHour;
  double count_min = 1;   // of the signal in the window
  double share_over = 0;  // of `whole`: the share must be greater
  Whole whole = Whole::kNone;
  double whole_min = 0;         // the volume below which a share says nothing
  double busiest_days_min = 0;  // the count is at least so many times the busiest day, which is at least kBusiestFloor
  double busiest_minutes_min = 0;  // the same of the busiest minute
  Signal also = Signal::kMessages;
  double also_min = 0;           // of `also` within an hour
  double distinct_min = 0;       // different recipients, accounts or sites today
  double share_of_distinct = 0;  // the count is at least such a share of these
  bool is_shadow = false;        // reports what it would do

  bool operator==(const Rule&) const = default;
};
// A key without history is taken for one that sends as much a day, and may do so in one minute.
inline constexpr double kBusiestFloor = 20;

// What people set of a rule; what is not given stays.
struct RuleSettings {
  std::optional<double> count = {};   // 1 to 1e9
  std::optional<double> share = {};   // 0 to 1: over which it fires, of rules that look at a share
  std::optional<double> volume = {};  // 1 to 1e9: below which a share says nothing
  std::optional<bool> is_shadow = {};

  bool empty() const { return !count && !share && !volume && !is_shadow; }
};

struct Policy {
  std::vector<Rule> rules;
  bool is_shadow = false;  // all of them
  std::chrono::seconds watched{3600};
  std::chrono::seconds throttled{3600};
  std::chrono::seconds quarantined{24 * 3600};    // doubled by each earlier quarantine, to at most a week
  std::chrono::seconds client_quarantined{3600};  // of a client's address, which people share and change
  std::chrono::seconds restored_after_throttle{24 * 3600};
  std::chrono::seconds restored_after_quarantine{7 * 24 * 3600};

  const Rule* find(std::string_view name) const;
  // kNotFound for an unknown rule; kInvalid for a figure out of its range, or one that the rule does not look at.
  // Nothing is changed then.
  Status set(std::string_view rule, const RuleSettings& settings);
  std::chrono::seconds hold(KeyKind kind, State state, int strikes) const;
};

// For accounts that people write mail with; what docs/reputation.md describes.
Policy default_policy();
// For accounts that send newsletters and notices: larger counts, the same shares.
Policy bulk_policy();

using PolicyPtr = std::shared_ptr<const Policy>;

// Which policy holds for whom. Immutable once it is handed to Reputation, which takes another one live.
class PolicyBook {
 public:
  PolicyBook() : PolicyBook(std::make_shared<const Policy>(default_policy())) {
    set_plan("bulk", std::make_shared<const Policy>(bulk_policy()));
  }
  explicit PolicyBook(PolicyPtr usual) : usual_(std::move(usual)) {}
  void set_usual(PolicyPtr policy) { usual_ = std::move(policy); }
  void set_plan(std::string_view plan, PolicyPtr policy) { plans_[std::string{plan}] = std::move(policy); }
  // For accounts of the plan, and with "" for those of every plan that the tenant has no policy for, and for itself.
  void set_tenant(const TenantId& tenant, std::string_view plan, PolicyPtr policy) {
    tenants_[tenant][std::string{plan}] = std::move(policy);
  }

  const Policy& usual() const { return *usual_; }
  // What is not one tenant's (source addresses, clients, sites) is judged by the usual policy; all else by the tenant's
  // own for the plan, or the plan's, or the usual one.
  const Policy& of(KeyKind kind, const TenantId& tenant, std::string_view plan) const;

 private:
  using ByPlan = std::map<std::string, PolicyPtr, std::less<>>;
  PolicyPtr usual_;
  ByPlan plans_;
  std::map<TenantId, ByPlan> tenants_;
};

}  // namespace bulkhead::reputation

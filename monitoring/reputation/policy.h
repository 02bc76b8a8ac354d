// The rules that turn counts into states, and how long states last.
#pragma once

#include <chrono>
#include <map>
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
  double whole_min = 0;          // the volume below which a share says nothing
  double busiest_days_min = 0;   // the count is at least so many times the busiest day, which is at least kBusiestFloor
  double distinct_min = 0;       // different recipients, accounts or sites today
  double share_of_distinct = 0;  // the count is at least such a share of these
  bool is_shadow = false;        // reports what it would do

  bool operator==(const Rule&) const = default;
};
// A key without history is taken for one that sends as much a day.
inline constexpr double kBusiestFloor = 20;

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
  // kNotFound for an unknown rule, kInvalid for a count that is not positive.
  Status set_count(std::string_view name, double count_min);
  Status set_shadow(std::string_view name, bool is_shadow);
  std::chrono::seconds hold(KeyKind kind, State state, int strikes) const;
};

// For accounts that people write mail with; what docs/reputation.md describes.
Policy default_policy();
// For accounts that send newsletters and notices: larger counts, the same shares.
Policy bulk_policy();

// Which policy holds for whom. Immutable once it is handed to Reputation, which takes another one live.
class PolicyBook {
 public:
  PolicyBook() : usual_(default_policy()) { plans_["bulk"] = bulk_policy(); }
  void set_usual(Policy policy) { usual_ = std::move(policy); }
  void set_plan(std::string_view plan, Policy policy) { plans_[std::string{plan}] = std::move(policy); }
  void set_tenant(TenantId tenant, Policy policy) { tenants_[tenant] = std::move(policy); }

  const Policy& usual() const { return usual_; }
  // The tenant's own, or the plan's, or the usual one.
  const Policy& of(TenantId tenant, std::string_view plan) const;

 private:
  Policy usual_;
  std::map<std::string, Policy, std::less<>> plans_;
  std::map<TenantId, Policy> tenants_;
};

}  // namespace bulkhead::reputation

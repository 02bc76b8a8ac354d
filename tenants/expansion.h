// Follows an address of ours to the accounts and forwards that it leads to. Decides, and asks; reads nothing itself:
// the owner looks up what next() names and hands the answer to answer(), until next() names nothing.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "tenants/address_cache.h"
#include "tenants/live_directory.h"

namespace bulkhead::tenants {

class Expansion {
 public:
  static constexpr int kDepthMax = 10;
  static constexpr std::size_t kTargetsMax = 1000;
  static constexpr std::size_t kAddressesMax = 2000;  // looked at on the way

  // Whether an address that nobody has goes to the tenant's postmaster or the domain's catch-all.
  enum class Fallback { kNone, kCatchAll };

  Expansion(const Snapshot& snapshot, const mail::Address& recipient, Fallback fallback);

  // The address to look up now: normalised, in the domain's present name. Nothing: finished.
  const std::optional<mail::Address>& next() const { return next_; }
  void answer(const AddressMeaning& meaning);
  Resolution take();  // once next() is nothing

 private:
  struct Step {
    mail::Address address;  // normalised when the domain is the tenant's
    int depth = 0;
  };
  void add(mail::Address address, int depth);
  void add_forward(mail::Address address);
  void add_alias(const Alias& alias);
  void add_unknown();
  bool was_seen(const mail::Address& address) const;
  void take_next_step();
  bool is_over() const { return is_endless_ || targets() > kTargetsMax || seen_.size() > kAddressesMax; }
  std::size_t targets() const { return resolution_.accounts.size() + resolution_.forwards.size(); }

  const Snapshot& snapshot_;
  const Fallback fallback_;
  const Tenant* tenant_ = nullptr;
  std::vector<Step> steps_;  // still to be looked at
  Step current_;
  std::optional<mail::Address> next_;
  std::unordered_set<std::string> seen_;
  std::unordered_set<AccountId> seen_accounts_;
  bool is_endless_ = false;
  bool has_cycle_ = false;
  Resolution resolution_;
};

// "user+tag" as "user"; nothing when there is no tag.
std::optional<mail::Address> without_tag(const mail::Address& address);

}  // namespace bulkhead::tenants

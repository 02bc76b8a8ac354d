// The limits that a submission falls under, gathered from the directory. Internal to netpolicy/limits.
#pragma once

#include <array>

#include "netpolicy/limits/limiter.h"

namespace bulkhead::netpolicy {

struct Limiter::Ceiling {
  tenants::LimitScope scope = tenants::LimitScope::kAccount;  // never kPlan: a plan's limit is one of the account
  tenants::Measure measure = tenants::Measure::kMessages;
  std::string subject;
  tenants::Rate rate;
};

// Bounded: an account, its tenant, four levels of resellers and an address, for each measure.
class Limiter::Ceilings {
 public:
  Ceilings(const Payer& payer, const Amount& amount, UtcTime now);
  auto begin() const { return ceilings_.begin(); }
  auto end() const { return ceilings_.end(); }

 private:
  void add_account(const Payer& payer, UtcTime now);
  void add_resellers(const Payer& payer);
  void add(tenants::LimitScope scope, std::string subject, const tenants::Limit* own, const tenants::Limit* fallback,
           const tenants::Limit* default_one);

  const Amount& amount_;
  std::vector<Ceiling> ceilings_;
};

}  // namespace bulkhead::netpolicy

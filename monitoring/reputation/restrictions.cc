#include "monitoring/reputation/restrictions.h"

#include <fmt/format.h>

namespace bulkhead::reputation {

std::string Restriction::text() const {
  const auto time = to_rfc3339(until);
  return case_id.empty() ? fmt::format("{} until {}", to_string(state), time)
                         : fmt::format("{} until {}, case {}", to_string(state), time, case_id);
}

const Restriction* Restrictions::of_account(const AccountId& account, const TenantId& tenant) const {
  if (!has_senders()) return nullptr;
  const auto* of_tenant = of(Key::tenant(tenant));
  const auto* own = account.is_nil() ? nullptr : of(Key::account(account));
  if (own == nullptr || of_tenant == nullptr) return own == nullptr ? of_tenant : own;
  return of_tenant->state > own->state ? of_tenant : own;
}

}  // namespace bulkhead::reputation

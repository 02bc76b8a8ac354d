#include "netpolicy/limits/ceilings.h"

namespace bulkhead::netpolicy {

namespace {

using tenants::Limit;
using tenants::limit_subject;
using tenants::LimitScope;
using tenants::Measure;
using tenants::Plan;

constexpr int kResellersMax = 8;  // more than the directory lets nest

constexpr std::array kAllMeasures{Measure::kMessages, Measure::kRecipients, Measure::kBytes};

}  // namespace

tenants::Plan Limiter::plan_of(const tenants::Snapshot& directory, const tenants::Account& account, UtcTime now) {
  if (account.plan) return *account.plan;
  const auto* tenant = directory.tenant(account.tenant);
  const Plan plan = tenant == nullptr ? Plan::kNormal : tenant->plan;
  if (plan == Plan::kBulk) return plan;  // its operator answers for all of its accounts
  const auto* settings = directory.limit(LimitScope::kPlan, limit_subject(Plan::kNew));
  const auto days = settings != nullptr && settings->days ? settings->days : default_limit(Plan::kNew).days;
  // A clock that was set back leaves accounts of the future: they are new.
  return now - account.created_at < std::chrono::days{days.value_or(0)} ? Plan::kNew : plan;
}

// The first of the three that says something decides, measure by measure.
void Limiter::Ceilings::add(LimitScope scope, std::string subject, const Limit* own, const Limit* fallback,
                            const Limit* default_one) {
  for (const auto measure : kAllMeasures) {
    if (amount_.of(measure) == 0) continue;
    for (const auto* limit : {own, fallback, default_one}) {
      if (limit == nullptr || !limit->rate(measure)) continue;
      const auto& rate = *limit->rate(measure);
      if (!rate.is_unlimited()) ceilings_.push_back({scope, measure, subject, rate});
      break;
    }
  }
}

void Limiter::Ceilings::add_account(const Payer& payer, UtcTime now) {
  auto subject = limit_subject(payer.account.id);
  const Plan plan = plan_of(payer.directory, payer.account, now);
  const auto* own = payer.directory.limit(LimitScope::kAccount, subject);
  const auto* of_plan = payer.directory.limit(LimitScope::kPlan, to_string(plan));
  add(LimitScope::kAccount, std::move(subject), own, of_plan, &tenants::default_limit(plan));
}

// A reseller's own mail counts among that of its tenants.
void Limiter::Ceilings::add_resellers(const Payer& payer) {
  std::optional<TenantId> id = payer.account.tenant;
  for (int level = 0; id && level < kResellersMax; ++level) {
    if (const auto* limit = payer.directory.limit(LimitScope::kReseller, id->bytes())) {
      add(LimitScope::kReseller, limit_subject(*id), limit, nullptr, nullptr);
    }
    const auto* tenant = payer.directory.tenant(*id);
    id = tenant == nullptr ? std::nullopt : tenant->reseller;
  }
}

Limiter::Ceilings::Ceilings(const Payer& payer, const Amount& amount, UtcTime now) : amount_(amount) {
  add_account(payer, now);
  if (const auto* limit = payer.directory.limit(LimitScope::kTenant, payer.account.tenant.bytes())) {
    add(LimitScope::kTenant, limit_subject(payer.account.tenant), limit, nullptr, nullptr);
  }
  add_resellers(payer);
  if (const auto* limit = payer.directory.limit(LimitScope::kAddress, payer.arrival.bytes())) {
    add(LimitScope::kAddress, limit_subject(payer.arrival), limit, nullptr, nullptr);
  }
}

}  // namespace bulkhead::netpolicy

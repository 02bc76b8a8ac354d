#include "netpolicy/limits/limiter.h"

#include <algorithm>

#include <fmt/format.h>

#include "netpolicy/limits/ceilings.h"

namespace bulkhead::netpolicy {

namespace {

using tenants::LimitScope;
using tenants::Measure;

constexpr Ticks kPaceTicks = std::chrono::nanoseconds{Limiter::kPaceMax}.count();

std::string tenant_name(const tenants::Snapshot& directory, const TenantId& id) {
  const auto* tenant = directory.tenant(id);
  return tenant == nullptr ? id.text() : tenant->name;
}

std::string holder_of(LimitScope scope, std::string_view subject, const Limiter::Payer& payer) {
  switch (scope) {
    case LimitScope::kTenant:
    case LimitScope::kReseller:
      return fmt::format("{} {}", to_string(scope), tenant_name(payer.directory, TenantId::from_bytes(subject)));
    case LimitScope::kAddress:
      return "address " + payer.arrival.text();
    default:
      return "account " + payer.account.address.text();
  }
}

}  // namespace

std::string bucket_key(LimitScope scope, Measure measure, std::string_view subject) {
  const char head[] = {static_cast<char>('a' + static_cast<int>(scope)),
                       static_cast<char>('a' + static_cast<int>(measure))};
  return std::string{head, 2}.append(subject);
}

std::string LimitHit::text() const {
  return fmt::format("limit of {} {} of {}", rate.text(), to_string(measure), holder);
}

Limiter::Limiter(const Clock& clock, std::size_t buckets_max) : clock_(clock), timeline_(clock), table_(buckets_max) {}

Admission Limiter::reserve(Reservation& reservation, const Payer& payer, const Amount& amount) {
  const Ticks now = timeline_.now();
  const Ceilings ceilings{payer, amount, clock_.now()};
  const auto* tenant = payer.directory.tenant(payer.account.tenant);
  const bool may_wait = tenant != nullptr && tenant->over_limit == tenants::OverLimit::kPace;
  Reservation taken;
  taken.table_ = reservation.table_ = &table_;
  taken.timeline_ = reservation.timeline_ = &timeline_;
  Ticks goes_at = now;
  const Ceiling* slowest = nullptr;
  for (const auto& ceiling : ceilings) {
    const Meter meter{ceiling.rate};
    auto bucket = table_.find(bucket_key(ceiling.scope, ceiling.measure, ceiling.subject), ceiling.rate, now);
    const auto wanted = amount.of(ceiling.measure);
    const auto slot =
        may_wait ? bucket->reserve_paced(meter, wanted, now, kPaceTicks) : bucket->reserve(meter, wanted, now);
    if (!slot) {
      taken.give_back();
      auto hit = worst_of(ceilings, payer, amount, may_wait ? kPaceTicks : 0);
      count(hit, true);
      return {std::move(hit), std::nullopt};
    }
    const Ticks at = Bucket::paced_at(meter, *slot);
    if (at > goes_at) {
      goes_at = at;
      slowest = &ceiling;
    }
    taken.grants_.push_back({std::move(bucket), *slot});
  }
  for (auto& grant : std::exchange(taken.grants_, {})) reservation.add(std::move(grant));
  if (slowest == nullptr) return {};
  LimitHit hit{slowest->scope, slowest->measure, slowest->rate, holder_of(slowest->scope, slowest->subject, payer),
               timeline_.utc(goes_at)};
  count(hit, false);
  const auto not_before = hit.passes_at;
  return {std::move(hit), not_before};
}

// The limit that stands longest in the way: trying again when that has passed helps.
LimitHit Limiter::worst_of(const Ceilings& ceilings, const Payer& payer, const Amount& amount, Ticks wait_max) {
  const Ticks now = timeline_.now();
  const Ceiling* worst = nullptr;
  Ticks latest = std::numeric_limits<Ticks>::min();
  for (const auto& ceiling : ceilings) {
    const Meter meter{ceiling.rate};
    const auto wanted = amount.of(ceiling.measure);
    Ticks at = std::numeric_limits<Ticks>::max();
    if (meter.can_ever_hold(wanted)) {
      const auto bucket = table_.peek(bucket_key(ceiling.scope, ceiling.measure, ceiling.subject));
      at = bucket ? bucket->fits_at(meter, wanted, now) - wait_max : now;
    }
    if (at <= latest) continue;
    latest = at;
    worst = &ceiling;
  }
  LimitHit hit{worst->scope, worst->measure, worst->rate, holder_of(worst->scope, worst->subject, payer), std::nullopt};
  if (latest != std::numeric_limits<Ticks>::max()) hit.passes_at = timeline_.utc(std::max(latest, now));
  return hit;
}

Limiter::Usage Limiter::usage(LimitScope scope, Measure measure, std::string_view subject,
                              const tenants::Rate& rate) const {
  const auto bucket = table_.peek(bucket_key(scope, measure, subject));
  const Ticks now = timeline_.now();
  if (!bucket || rate.is_unlimited() || bucket->is_full(now)) return {};
  return {bucket->used(Meter{rate}, now), timeline_.utc(bucket->arrival())};
}

void Limiter::count(const LimitHit& hit, bool is_refused) {
  auto& counter = counters_[static_cast<std::size_t>(hit.scope)][static_cast<std::size_t>(hit.measure)];
  (is_refused ? counter.refused : counter.paced).fetch_add(1, std::memory_order_relaxed);
}

std::vector<Limiter::Count> Limiter::counts() const {
  std::vector<Count> counts;
  for (std::size_t scope = 0; scope < tenants::kLimitScopes; ++scope) {
    for (std::size_t measure = 0; measure < tenants::kMeasures; ++measure) {
      const auto& counter = counters_[scope][measure];
      counts.push_back({static_cast<LimitScope>(scope), static_cast<Measure>(measure), counter.refused.load(),
                        counter.paced.load()});
    }
  }
  return counts;
}

}  // namespace bulkhead::netpolicy

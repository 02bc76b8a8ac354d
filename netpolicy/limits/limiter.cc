#include "netpolicy/limits/limiter.h"

#include <algorithm>

#include <fmt/format.h>

#include "netpolicy/limits/ceilings.h"

namespace bulkhead::netpolicy {

namespace {

using tenants::LimitScope;
using tenants::Measure;

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
        may_wait ? bucket->reserve_paced(meter, wanted, now, kPaceTicksMax) : bucket->reserve(meter, wanted, now);
    if (!slot) {
      taken.give_back();
      auto hit = worst_of(ceilings, payer, amount, may_wait ? kPaceTicksMax : 0);
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

void Limiter::give_back_paced(const Payer& payer, const Amount& amount) {
  const Ticks now = timeline_.now();
  const Ceilings ceilings{payer, amount, clock_.now()};
  for (const auto& ceiling : ceilings) {
    const auto bucket = table_.find(bucket_key(ceiling.scope, ceiling.measure, ceiling.subject), ceiling.rate, now);
    bucket->give_back_paced(Meter{ceiling.rate}, amount.of(ceiling.measure), now);
    table_.touch(bucket->key);
  }
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

namespace {

constexpr std::string_view kTextBegins = "limit of ";

// The rate that a LimitHit's text names when it speaks of such a limit.
std::optional<tenants::Rate> rate_in(std::string_view text, LimitScope scope, Measure measure) {
  const auto tail = fmt::format(" {} of {} ", to_string(measure), to_string(scope));
  const auto end = text.find(tail);
  if (!text.starts_with(kTextBegins) || end == std::string_view::npos || end < kTextBegins.size()) return std::nullopt;
  const auto rate = tenants::Rate::parse(text.substr(kTextBegins.size(), end - kTextBegins.size()));
  return rate && !rate->is_unlimited() ? std::optional{*rate} : std::nullopt;
}

// What lay before it in its bucket comes back at another pace.
UtcTime at_pace(const tenants::Rate& before, const tenants::Rate& after, const Limiter::Paced& paced) {
  const Meter old_meter{before};
  const Meter new_meter{after};
  const Ticks waited = std::chrono::nanoseconds{paced.not_before - paced.queued_at}.count();
  const auto ahead = old_meter.amount(waited + old_meter.tolerance());
  const Ticks wait = std::clamp<Ticks>(new_meter.cost(ahead) - new_meter.tolerance(), 0, kPaceTicksMax);
  return paced.queued_at + std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds{wait});
}

}  // namespace

std::optional<UtcTime> Limiter::repaced(const Payer& payer, const Paced& paced, UtcTime now) {
  const auto* tenant = payer.directory.tenant(payer.account.tenant);
  if (tenant == nullptr || tenant->over_limit != tenants::OverLimit::kPace) return std::nullopt;
  const Amount of_each{1, 1, 1};
  const Ceilings ceilings{payer, of_each, now};
  for (const auto& ceiling : ceilings) {
    const auto before = rate_in(paced.reason, ceiling.scope, ceiling.measure);
    if (!before) continue;
    const bool is_reseller = ceiling.scope == LimitScope::kReseller;
    if (is_reseller && !paced.reason.ends_with(holder_of(ceiling.scope, ceiling.subject, payer))) continue;
    return *before == ceiling.rate ? paced.not_before : at_pace(*before, ceiling.rate, paced);
  }
  return std::nullopt;
}

Limiter::Usage Limiter::usage(LimitScope scope, Measure measure, std::string_view subject,
                              const tenants::Rate& rate) const {
  const auto state = table_.state_of(bucket_key(scope, measure, subject));
  const Ticks now = timeline_.now();
  if (!state || rate.is_unlimited() || state->arrival <= now) return {};
  // The bucket itself goes over to a new rate with the next message: find() does the same sum.
  const Meter meter{rate};
  const Ticks before = state->arrival - now;
  const Ticks ahead = state->rate == rate ? before : at_new_rate(Meter{state->rate}, meter, before);
  return {meter.amount(ahead), timeline_.utc(now + ahead)};
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

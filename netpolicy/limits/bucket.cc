#include "netpolicy/limits/bucket.h"

#include <algorithm>
#include <limits>

namespace bulkhead::netpolicy {

namespace {

constexpr Ticks kTicksPerSecond = 1'000'000'000;
// More than any tolerance, and far from the end of the type: a cost that does not fit into it is one that never fits.
constexpr Ticks kCostMax = 400LL * 86400 * kTicksPerSecond;

}  // namespace

Meter::Meter(const tenants::Rate& rate)
    : period_(static_cast<Wide>(rate.period.count()) * kTicksPerSecond), count_(rate.count), tolerance_(0) {
  tolerance_ = cost(rate.burst);
}

Ticks Meter::cost(std::uint64_t amount) const {
  const Wide cost = amount * period_ / count_;
  if (cost >= static_cast<Wide>(kCostMax)) return kCostMax;
  return std::max<Ticks>(static_cast<Ticks>(cost), amount > 0 ? 1 : 0);
}

std::uint64_t Meter::amount(Ticks ahead) const {
  if (ahead <= 0) return 0;
  return static_cast<std::uint64_t>((static_cast<Wide>(ahead) * count_ + period_ - 1) / period_);
}

Ticks at_new_rate(const Meter& before, const Meter& after, Ticks ahead) {
  const Ticks within = std::clamp<Ticks>(ahead, 0, before.tolerance());
  const Ticks beyond = std::max<Ticks>(ahead - within, 0);
  return std::min(after.cost(before.amount(within)), after.tolerance()) +
         std::min(after.cost(before.amount(beyond)), kPaceTicksMax);
}

std::optional<Slot> Bucket::take(Ticks cost, Ticks now, Ticks ahead_max) {
  Ticks seen = arrival_.load(std::memory_order_acquire);
  for (;;) {
    const Ticks start = std::max(seen, now);
    if (start + cost - now > ahead_max) return std::nullopt;
    if (arrival_.compare_exchange_weak(seen, start + cost, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return Slot{start, cost};
    }
  }
}

std::optional<Slot> Bucket::reserve(const Meter& meter, std::uint64_t amount, Ticks now) {
  return take(meter.cost(amount), now, meter.tolerance());
}

std::optional<Slot> Bucket::reserve_paced(const Meter& meter, std::uint64_t amount, Ticks now, Ticks wait_max) {
  if (!meter.can_ever_hold(amount)) return std::nullopt;
  return take(meter.cost(amount), now, meter.tolerance() + wait_max);
}

Slot Bucket::owe(const Meter& meter, std::uint64_t amount, Ticks now) {
  return *take(meter.cost(amount), now, std::numeric_limits<Ticks>::max());
}

void Bucket::give_back(const Slot& slot, Ticks now) {
  const Ticks elapsed = std::clamp<Ticks>(now - slot.start, 0, slot.cost);
  if (elapsed == slot.cost) return;
  arrival_.fetch_sub(slot.cost - elapsed, std::memory_order_acq_rel);
}

void Bucket::give_back_paced(const Meter& meter, std::uint64_t amount, Ticks now) {
  const Ticks floor = now + meter.tolerance();
  Ticks seen = arrival_.load(std::memory_order_acquire);
  while (seen > floor) {
    const Ticks after = std::max(seen - meter.cost(amount), floor);
    if (arrival_.compare_exchange_weak(seen, after, std::memory_order_acq_rel, std::memory_order_acquire)) return;
  }
}

Ticks Bucket::fits_at(const Meter& meter, std::uint64_t amount, Ticks now) const {
  return std::max(arrival(), now) + meter.cost(amount) - meter.tolerance();
}

std::uint64_t Bucket::used(const Meter& meter, Ticks now) const {
  return meter.amount(arrival() - now);
}

}  // namespace bulkhead::netpolicy

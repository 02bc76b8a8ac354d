#include "src/delivery/shared_places.h"

#include <algorithm>

namespace bulkhead::delivery {

namespace {
constexpr std::chrono::milliseconds kSweepInterval{100};
}

void SharedPlaces::forget_waiting(SteadyTime now) {
  if (swept_at_ != SteadyTime::min() && now - swept_at_ < kSweepInterval) return;
  swept_at_ = now;
  std::erase_if(shares_, [now](const auto& item) { return item.second.open == 0 && now >= item.second.waiting_until; });
}

std::uint32_t SharedPlaces::fair_share(std::uint32_t places) const {
  const auto sharers = static_cast<std::uint32_t>(std::max<std::size_t>(shares_.size(), 1));
  return std::max<std::uint32_t>(places / sharers, 1);
}

bool SharedPlaces::is_wanted(const TenantId& tenant, std::uint32_t fair, SteadyTime now) const {
  if (now >= waiting_until_) return false;
  return std::ranges::any_of(shares_, [&](const auto& item) {
    return item.first != tenant && now < item.second.waiting_until && item.second.open < fair;
  });
}

bool SharedPlaces::may_take(const TenantId& tenant, std::uint32_t places, SteadyTime now) {
  forget_waiting(now);
  auto& share = shares_[tenant];
  const auto fair = fair_share(places);
  const bool is_above = share.open >= fair;
  if (open_ < places && !(is_above && is_wanted(tenant, fair, now))) {
    share.waiting_until = SteadyTime::min();
    return true;
  }
  share.waiting_until = now + kWaiting;
  waiting_until_ = std::max(waiting_until_, share.waiting_until);
  return false;
}

void SharedPlaces::take(const TenantId& tenant) {
  ++shares_[tenant].open;
  ++open_;
}

void SharedPlaces::release(const TenantId& tenant) {
  const auto found = shares_.find(tenant);
  if (found == shares_.end() || found->second.open == 0) return;
  --open_;
  auto& share = found->second;
  --share.open;
  if (share.yielding > 0) --share.yielding;
  if (share.open == 0 && share.waiting_until == SteadyTime::min()) shares_.erase(found);
}

bool SharedPlaces::must_yield(const TenantId& tenant, std::uint32_t places, SteadyTime now) {
  if (now >= waiting_until_) return false;
  forget_waiting(now);
  const auto found = shares_.find(tenant);
  if (found == shares_.end()) return false;
  auto& share = found->second;
  const auto fair = fair_share(places);
  if (share.open - share.yielding <= fair || !is_wanted(tenant, fair, now)) return false;
  ++share.yielding;
  return true;
}

}  // namespace bulkhead::delivery

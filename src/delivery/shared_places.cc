#include "src/delivery/shared_places.h"

#include <algorithm>

namespace bulkhead::delivery {

namespace {
constexpr std::chrono::milliseconds kSweepInterval{100};
}

void SharedPlaces::forget_waiting(SteadyTime now) {
  if (swept_at_ != SteadyTime::min() && now - swept_at_ < kSweepInterval) return;
  swept_at_ = now;
  std::erase_if(shares_, [now](const auto& item) {
    const Share& share = item.second;
    return share.open == 0 && now >= share.waiting_until && !share.rests(now);
  });
}

std::uint32_t SharedPlaces::fair_share(std::uint32_t places) const {
  const auto sharers = static_cast<std::uint32_t>(std::max<std::size_t>(shares_.size(), 1));
  return std::max<std::uint32_t>(places / sharers, 1);
}

bool SharedPlaces::is_wanted(const TenantId& tenant, std::uint32_t fair, SteadyTime now, std::uint32_t beyond) const {
  if (now >= waiting_until_) return false;
  std::uint32_t count = 0;
  return std::ranges::any_of(shares_, [&](const auto& item) {
    const auto& [other, share] = item;
    return other != tenant && now < share.waiting_until && share.open < fair && ++count > beyond;
  });
}

bool SharedPlaces::is_before_its_turn(const TenantId& tenant, const Share& mine, std::uint32_t fair,
                                      SteadyTime now) const {
  if (!mine.rests(now) || now >= waiting_until_) return false;
  return std::ranges::any_of(shares_, [&](const auto& item) {
    const auto& [other, share] = item;
    return other != tenant && now < share.waiting_until && share.open < fair && share.rests_since < mine.rests_since;
  });
}

SteadyTime::duration SharedPlaces::rest_after(SteadyTime::duration turn, std::uint32_t places) const {
  const auto rounds = static_cast<double>(shares_.size()) / std::max<std::uint32_t>(places, 1);
  const auto rest = std::chrono::duration_cast<SteadyTime::duration>(turn * rounds);
  return std::clamp<SteadyTime::duration>(rest, kRestLeast, kRestMost);
}

bool SharedPlaces::may_take(const Asker& asker, std::uint32_t places, SteadyTime now) {
  forget_waiting(now);
  auto& share = shares_[asker.tenant];
  const auto fair = fair_share(places);
  const bool is_for_others =
      is_before_its_turn(asker.tenant, share, fair, now) || (share.open >= fair && is_wanted(asker.tenant, fair, now));
  const bool is_for_another_lane = share.rests(now) && asker.arrival == share.rested && now < share.own_waiting_until;
  if (open_ < places && !is_for_others && !is_for_another_lane) {
    share.waiting_until = SteadyTime::min();
    if (asker.has_none) share.own_waiting_until = SteadyTime::min();
    return true;
  }
  share.waiting_until = now + kWaiting;
  if (asker.has_none && share.open > 0) share.own_waiting_until = share.waiting_until;
  waiting_until_ = std::max(waiting_until_, share.waiting_until);
  return false;
}

void SharedPlaces::take(const TenantId& tenant, SteadyTime now) {
  auto& share = shares_[tenant];
  if (share.open++ == 0) share.turn_began = now;
  ++open_;
}

void SharedPlaces::release(const Asker& asker, SteadyTime now) {
  const auto found = shares_.find(asker.tenant);
  if (found == shares_.end() || found->second.open == 0) return;
  --open_;
  auto& share = found->second;
  --share.open;
  if (share.yielding > 0) {
    --share.yielding;
    --yielding_;
    share.rests_since = now;
    share.rested = asker.arrival;
  }
  if (share.open == 0 && share.waiting_until == SteadyTime::min() && !share.rests(now)) shares_.erase(found);
}

// One place changes hands for each who waits without any.
bool SharedPlaces::is_turn_over(const Asker& asker, const Share& share, std::uint32_t places, SteadyTime now) const {
  if (share.open <= share.yielding || open_ < places) return false;
  if (now - share.turn_began < kTurn) return false;
  if (share.yielding == 0 && now < share.own_waiting_until) return true;
  return is_wanted(asker.tenant, 1, now, yielding_);
}

bool SharedPlaces::must_yield(const Asker& asker, std::uint32_t places, SteadyTime now, bool is_ahead) {
  if (now >= waiting_until_) return false;
  forget_waiting(now);
  const auto found = shares_.find(asker.tenant);
  if (found == shares_.end()) return false;
  auto& share = found->second;
  const auto fair = fair_share(places);
  const bool is_above = share.open - share.yielding > fair && is_wanted(asker.tenant, fair, now);
  if (!is_above && !is_turn_over(asker, share, places, now)) return false;
  if (is_ahead) return true;
  ++share.yielding;
  ++yielding_;
  share.rest = rest_after(now - share.turn_began, places);
  share.turn_began = now;
  return true;
}

}  // namespace bulkhead::delivery

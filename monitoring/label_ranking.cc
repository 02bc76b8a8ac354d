#include "monitoring/label_ranking.h"

#include <algorithm>
#include <vector>

namespace bulkhead::monitoring {

bool LabelRanking::take_place() {
  std::size_t taken = kept_.load(std::memory_order_relaxed);
  while (taken < kept_max_) {
    if (kept_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

bool LabelRanking::use(std::string_view value) {
  Stripe& stripe = stripe_of(value);
  const std::lock_guard lock{stripe.mutex};
  auto found = stripe.entries.find(value);
  if (found == stripe.entries.end()) {
    const bool is_kept = take_place();
    if (!is_kept && stripe.entries.size() >= kept_max_ * kTrackedPerKept / kStripes + 1) return false;
    found = stripe.entries.emplace(std::string{value}, Entry{is_kept, 0}).first;
  }
  ++found->second.score;
  return found->second.is_kept;
}

bool LabelRanking::is_kept(std::string_view value) const {
  const Stripe& stripe = stripe_of(value);
  const std::lock_guard lock{stripe.mutex};
  const auto found = stripe.entries.find(value);
  return found != stripe.entries.end() && found->second.is_kept;
}

bool LabelRanking::set_kept(const std::string& value, bool is_kept) {
  Stripe& stripe = stripe_of(value);
  const std::lock_guard lock{stripe.mutex};
  const auto found = stripe.entries.find(value);
  if (found == stripe.entries.end()) return false;
  found->second.is_kept = is_kept;
  return true;
}

// Scores halve, so that a ranking looks at the recent past; who has been idle long enough is forgotten.
void LabelRanking::age() {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    for (auto it = stripe.entries.begin(); it != stripe.entries.end();) {
      it->second.score /= 2;
      it = it->second.score == 0 && !it->second.is_kept ? stripe.entries.erase(it) : std::next(it);
    }
  }
}

bool LabelRanking::rank() {
  using Scored = std::pair<std::uint64_t, std::string>;
  std::vector<Scored> kept;
  std::vector<Scored> others;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    for (const auto& [value, entry] : stripe.entries) (entry.is_kept ? kept : others).emplace_back(entry.score, value);
  }
  std::sort(kept.begin(), kept.end());
  std::sort(others.rbegin(), others.rend());
  bool has_changed = false;
  // Twice as busy, so that two values of about the same rate do not change places at each reading.
  for (std::size_t i = 0; i < std::min(kept.size(), others.size()); ++i) {
    if (others[i].first <= 2 * kept[i].first) break;
    if (!set_kept(others[i].second, true)) continue;
    set_kept(kept[i].second, false);
    has_changed = true;
  }
  age();
  return has_changed;
}

}  // namespace bulkhead::monitoring

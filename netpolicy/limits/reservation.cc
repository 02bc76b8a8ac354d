#include <algorithm>
#include <utility>

#include "netpolicy/limits/limiter.h"

namespace bulkhead::netpolicy {

Reservation::Reservation(Reservation&& other) noexcept
    : table_(other.table_), timeline_(other.timeline_), grants_(std::exchange(other.grants_, {})) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  table_ = other.table_;
  timeline_ = other.timeline_;
  grants_ = std::exchange(other.grants_, {});
  return *this;
}

void Reservation::give_back() {
  if (grants_.empty()) return;
  const Ticks now = timeline_->now();
  for (const auto& grant : grants_) {
    grant.bucket->give_back(grant.slot, now);
    table_->touch(grant.bucket->key);
  }
  grants_.clear();
}

void Reservation::add(Grant grant) {
  const auto same = std::ranges::find(grants_, grant.bucket, &Grant::bucket);
  if (same == grants_.end()) {
    grants_.push_back(std::move(grant));
  } else {
    same->slot.cost += grant.slot.cost;
  }
}

}  // namespace bulkhead::netpolicy

// Places that tenants share: connections to one site. While more are wanted than there are, each tenant that wants some
// has the same number, and who has more gives them back one by one. A plain object; its owner guards it.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/id.h"

namespace bulkhead::delivery {

class SharedPlaces {
 public:
  // How long a tenant that was refused counts as waiting; who still wants a place asks again sooner.
  static constexpr std::chrono::milliseconds kWaiting{1000};

  // Whether `tenant` may have one of `places` now. One that may not counts as waiting for a while.
  bool may_take(const TenantId& tenant, std::uint32_t places, SteadyTime now);
  void take(const TenantId& tenant);
  void release(const TenantId& tenant);
  // Whether the tenant has to give one back, as others wait and it has more than its share. Each yes is one place.
  bool must_yield(const TenantId& tenant, std::uint32_t places, SteadyTime now);

  std::uint32_t open() const { return open_; }
  bool is_unused(SteadyTime now) const { return open_ == 0 && now >= waiting_until_; }

 private:
  struct Share {
    std::uint32_t open = 0;
    std::uint32_t yielding = 0;
    SteadyTime waiting_until = SteadyTime::min();
  };
  void forget_waiting(SteadyTime now);
  // What each may have while all that have or want places share them evenly.
  std::uint32_t fair_share(std::uint32_t places) const;
  // Whether somebody else waits who has less than that.
  bool is_wanted(const TenantId& tenant, std::uint32_t fair, SteadyTime now) const;

  std::unordered_map<TenantId, Share> shares_;  // of those who have places or wait for one
  std::uint32_t open_ = 0;
  SteadyTime waiting_until_ = SteadyTime::min();  // the latest of all
  SteadyTime swept_at_ = SteadyTime::min();
};

}  // namespace bulkhead::delivery

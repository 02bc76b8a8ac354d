// Places that tenants share: connections to one site. While more are wanted than there are, each tenant that wants some
// has the same number, and who has more gives them back one by one. Where there are fewer places than tenants, and
// where lanes of one tenant want the same place, they have them in turns. A plain object; its owner guards it.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::delivery {

class SharedPlaces {
 public:
  // How long a tenant that was refused counts as waiting; who still wants a place asks again sooner.
  static constexpr std::chrono::milliseconds kWaiting{1000};
  // A turn: so long, or one job where that takes longer.
  static constexpr std::chrono::milliseconds kTurn{1000};
  // Who gave a place back leaves it to those who have waited longer: for as long as it takes until all have had their
  // turns, and at least for longer than who waits takes to ask again.
  static constexpr std::chrono::milliseconds kRestLeast{250};
  static constexpr std::chrono::milliseconds kRestMost{30000};

  // One of a tenant's lanes to the site.
  struct Asker {
    const TenantId& tenant;
    const IpAddress& arrival;
    bool has_none = false;  // no place is this lane's
  };

  // Whether the asker may have one of `places` now. One that may not counts as waiting for a while.
  bool may_take(const Asker& asker, std::uint32_t places, SteadyTime now);
  void take(const TenantId& tenant, SteadyTime now);
  void release(const Asker& asker, SteadyTime now);
  // Whether the asker has to give one back, as others wait and it has more than its share, or has had its turn. Each
  // yes is one place, unless `is_ahead`: who asks for later asks again.
  bool must_yield(const Asker& asker, std::uint32_t places, SteadyTime now, bool is_ahead = false);

  std::uint32_t open() const { return open_; }
  bool is_unused(SteadyTime now) const { return open_ == 0 && now >= waiting_until_; }

 private:
  struct Share {  // a tenant's
    std::uint32_t open = 0;
    std::uint32_t yielding = 0;
    SteadyTime turn_began = SteadyTime::min();
    SteadyTime waiting_until = SteadyTime::min();
    SteadyTime own_waiting_until = SteadyTime::min();  // a lane of it that has none, while others of it have some
    SteadyTime rests_since = SteadyTime::min();
    SteadyTime::duration rest{};
    IpAddress rested;  // the lane that gave one back last

    bool rests(SteadyTime now) const { return now < rests_since + rest; }
  };
  void forget_waiting(SteadyTime now);
  // What each may have while all that have or want places share them evenly.
  std::uint32_t fair_share(std::uint32_t places) const;
  // Others that wait and have less than `fair`: whether there are more than `beyond`; whether one has rested longer.
  bool is_wanted(const TenantId& tenant, std::uint32_t fair, SteadyTime now, std::uint32_t beyond = 0) const;
  bool is_before_its_turn(const TenantId& tenant, const Share& share, std::uint32_t fair, SteadyTime now) const;
  SteadyTime::duration rest_after(SteadyTime::duration turn, std::uint32_t places) const;
  bool is_turn_over(const Asker& asker, const Share& share, std::uint32_t places, SteadyTime now) const;

  std::unordered_map<TenantId, Share> shares_;  // of those who have places, wait for one or rest
  std::uint32_t open_ = 0;
  std::uint32_t yielding_ = 0;
  SteadyTime waiting_until_ = SteadyTime::min();  // the latest of all
  SteadyTime swept_at_ = SteadyTime::min();
};

}  // namespace bulkhead::delivery

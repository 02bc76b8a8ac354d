// How much mail may leave now: rates of a site, of an address to a site, and the warm-up of what is new. For the length
// of one call: looks at one snapshot of the directory.
#pragma once

#include <vector>

#include "netpolicy/limits/limiter.h"
#include "src/queue/gate.h"

namespace bulkhead::delivery {

// One of the ceilings that a delivery must fit under.
struct Ceiling {
  std::string key;  // of the bucket
  tenants::Rate rate;
  std::uint64_t amount = 0;
  std::string code, text;
  queue::Pause::Scope scope = queue::Pause::Scope::kLane;       // who waits when it does not fit
  std::chrono::seconds wait_max{std::chrono::hours{24 * 366}};  // asked again after it: the ceiling may be gone by then
  std::string part = {};                                        // of the account's mail, for kPart
};

// The address that a lane's mail leaves from, of the arrival address's family: as netpolicy chooses, but for what is
// missing on the host.
const tenants::SourceAddress* source_of(const tenants::Snapshot& directory, const queue::LaneKey& lane);

class SendingLimits {
 public:
  SendingLimits(const tenants::Snapshot& directory, netpolicy::Limiter& limiter, UtcTime now)
      : directory_(directory), limiter_(limiter), now_(now) {}

  // Takes what the delivery needs of all its limits, and of `others`, or nothing and says how long to wait. What is
  // larger than a burst goes when the whole burst is there; whoever comes next waits for the rest, a day at most.
  queue::GoAnswer take(const queue::HandOut& job, std::vector<Ceiling> others = {});

 private:
  std::vector<Ceiling> ceilings_of(const queue::HandOut& job, std::vector<Ceiling> ceilings) const;
  void add_limit(const tenants::Limit* limit, const queue::HandOut& job, std::vector<Ceiling>& ceilings) const;
  void add_warm_up(const queue::HandOut& job, std::vector<Ceiling>& ceilings) const;

  const tenants::Snapshot& directory_;
  netpolicy::Limiter& limiter_;
  const UtcTime now_;
};

// What a day table allows on a day, as a rate that no 24 hours exceed: half at once, the other half over the day.
tenants::Rate warm_up_rate(std::uint64_t messages_a_day);

}  // namespace bulkhead::delivery

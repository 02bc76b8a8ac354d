// What reputation holds back now: the restriction that a delivery waits for, and how many there are.
#pragma once

#include "monitoring/cases/case.h"
#include "src/admin/call.h"
#include "src/admin/services.h"
#include "src/base/task.h"

namespace bulkhead::admin {

// Of one delivery: the case that holds it back.
struct Restriction {
  std::string case_id, name;
  reputation::State state = reputation::State::kNormal;
  UtcTime until{};

  std::string advice() const;
  // Puts it into what `queue why` answers: the reason lasts as long as the restriction, not until the next look.
  void tell(Json& why) const;
};

// Nothing when the delivery waits for something else, and when the caller does not see the case. Asks the desk.
Task<std::optional<Restriction>> restriction_of(const AdminServices& services, net::Shard& shard, Caller caller,
                                                queue::DeliveryView delivery);

struct RestrictionCounts {
  std::uint64_t cases_open = 0, throttled = 0, quarantined = 0;
};
// Of what the caller sees. The desk must be there. One look over the cases.
Task<RestrictionCounts> count_restrictions(const AdminServices& services, net::Shard& shard, Caller caller);

}  // namespace bulkhead::admin

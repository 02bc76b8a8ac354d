// What reputation has decided about who sends a delivery: it waits, or goes in a trickle.
#pragma once

#include <optional>
#include <vector>

#include "monitoring/reputation/restrictions.h"
#include "src/delivery/sending_limits.h"
#include "src/queue/gate.h"

namespace bulkhead::delivery {

// How much of what is throttled leaves all the same, so that a person who was taken for a machine still reaches others.
// Recipients, for a machine would put a thousand into each message. One message that names more goes all the same, and
// what comes after it waits the longer.
inline constexpr std::uint64_t kTrickleOfAccount = 20;  // an hour; the same of an address at one site
inline constexpr std::uint64_t kTrickleOfMany = 200;    // of a tenant, a domain or an address as a whole

// For the length of one call; what it is made of outlives it. Mail that no account handed in (reports, forwards) is
// restrained with the address that it leaves from alone.
class Restraint {
 public:
  Restraint(const reputation::Restrictions& restrictions, const tenants::Snapshot& directory, const queue::HandOut& job)
      : restrictions_(restrictions), directory_(directory), job_(job) {}

  // Why the delivery may not go at all now. Asked again soon; for accounts and tenants an order to the queue follows.
  std::optional<queue::Pause> quarantine() const;
  std::vector<Ceiling> trickles() const;

 private:
  struct Found {
    const reputation::Restriction* restriction = nullptr;
    reputation::Key key;
    queue::Pause::Scope scope = queue::Pause::Scope::kLane;  // who waits
    // Of a sender's domain: other mail of its account goes on.
    std::string part() const { return scope == queue::Pause::Scope::kPart ? key.name : std::string{}; }
  };
  std::vector<Found> all() const;
  void look_up(std::vector<Found>& found, reputation::Key key, queue::Pause::Scope scope) const;
  void look_up_other_family(std::vector<Found>& found) const;

  const reputation::Restrictions& restrictions_;
  const tenants::Snapshot& directory_;
  const queue::HandOut& job_;
};

}  // namespace bulkhead::delivery

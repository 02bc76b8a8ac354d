// Turns messages into deliveries in lanes: groups the recipients, asks the carrier for sites, and hands each delivery
// to its lane's home shard. One per shard, touched only there.
//
// While a site is looked up, its deliveries wait in a lane of their domain that never runs, in the scheduler like all
// others: counted, listed, held by directives, expiring. So a dead name server delays only the domains that are not
// known yet, and takes no more memory. The time to live of a known site is short: routes and MX sets change.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/queue/message_plan.h"

namespace bulkhead::queue {

// A delivery on its way to its lane's home shard.
struct Arrival {
  Planned planned;
  MessagePtr message;  // null when it is not in memory
};

class Planner {
 public:
  Planner(Core& core, ShardPart& part) : core_(core), part_(part) {}

  // A message that was just made durable. On any shard.
  void plan_fresh(const MessagePtr& message);
  // Messages found in the store. On their owner shard.
  void plan_stored(std::vector<MessagePlan> plans);
  // Finds the site of a delivery's domain ("" for local) and adds it to that lane. `message` may be null.
  void place(Planned planned, const std::string& domain, MessagePtr message);

  void forget_sites() { sites_.clear(); }
  void forget_site(const TenantId& tenant, std::string_view domain);
  // Looks up the sites that deliveries of this shard wait for.
  void route();

 private:
  struct Site {
    std::string name;
    SteadyTime until;
  };
  struct Lookup {
    TenantId tenant;
    std::string domain;
    std::vector<LaneKey> lanes;  // that wait for it
  };

  void keep_ledger(const MessagePlan& plan);
  ShardPart& find_lane(Planned& planned, const std::string& domain);
  void start_lookups();
  Task<void> look_up(std::string key, TenantId tenant, std::string domain);
  Task<void> move_lane(LaneKey lane, std::string site);
  void hand_over(std::vector<std::vector<Arrival>> by_home);

  Core& core_;
  ShardPart& part_;
  std::unordered_map<std::string, Site> sites_;      // by tenant and domain
  std::unordered_map<std::string, Lookup> lookups_;  // under way or in line
  std::deque<std::string> line_;
  std::size_t running_ = 0;
};

}  // namespace bulkhead::queue

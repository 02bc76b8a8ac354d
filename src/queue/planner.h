// Turns messages into deliveries in lanes: groups the recipients, asks the carrier for sites, and hands each delivery
// to its lane's home shard. One per shard, touched only there.
//
// While a site is looked up, the delivery waits here and is counted and listed as ready; so a dead name server delays
// only the domains that are not known yet. The time to live of a known site is short: routes and MX sets change.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/queue/core.h"
#include "src/queue/records.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

// A delivery that the store knows more of than its message tells.
struct StoredDelivery {
  std::uint16_t index = 0;
  DeliveryRecord record;
};

class Planner {
 public:
  Planner(Core& core, ShardPart& part) : core_(core), part_(part) {}

  // A message that was just made durable. On any shard.
  void plan_fresh(const MessagePtr& message);
  // A message found in the store, with its deliveries' records. On its owner shard.
  void plan_stored(const MessagePtr& message, const std::vector<StoredDelivery>& stored);
  // Finds the site of a delivery's domain ("" for local) and adds it to that lane. `message` may be null.
  void place(Planned planned, std::string domain, MessagePtr message);

  void forget_sites() { sites_.clear(); }
  void forget_site(const TenantId& tenant, std::string_view domain);
  // Those that wait for a site.
  std::size_t waiting() const { return waiting_count_; }
  void visit_waiting(const std::function<void(const Planned&)>& visitor) const;

 private:
  struct Site {
    std::string name;
    SteadyTime until;
  };
  struct Waiting {
    Planned planned;
    MessagePtr message;  // null when too many wait: it is read again in its turn
  };
  struct Lookup {
    TenantId tenant;
    std::string domain;
    std::vector<Waiting> waiting;
  };

  void plan_groups(const MessagePtr& message, const std::vector<StoredDelivery>& stored, bool is_fresh);
  Planned planned_for(const Message& message, std::uint16_t index, UtcTime warn_base) const;
  void wait_for_site(std::string key, Waiting waiting, std::string domain);
  void start_lookups();
  Task<void> look_up(std::string key, TenantId tenant, std::string domain);
  void hand_over(Waiting waiting, const std::string& site);

  Core& core_;
  ShardPart& part_;
  std::unordered_map<std::string, Site> sites_;      // by tenant and domain
  std::unordered_map<std::string, Lookup> lookups_;  // under way or in line
  std::deque<std::string> line_;
  std::size_t running_ = 0;
  std::size_t waiting_count_ = 0;
};

}  // namespace bulkhead::queue

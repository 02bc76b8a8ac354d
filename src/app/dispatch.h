// What carries accepted mail away: the queue, the gate to sites, and a courier and a resolver for each shard.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/app/foundation.h"
#include "src/app/oversight.h"
#include "src/delivery/courier.h"
#include "src/delivery/site_gate.h"
#include "src/net/resolver.h"
#include "src/queue/queue.h"

namespace bulkhead::app {

class Dispatch {
 public:
  // Both outlive it.
  Dispatch(Foundation& foundation, Oversight& oversight) : foundation_(foundation), oversight_(oversight) {}

  Status open(const Configuration& configuration);
  Status start();  // while the runtime runs: begins to read the queue, and delivers
  void stop();     // lets what is in progress finish, bounded; blocks
  Task<void> count(
      net::TaskGroup& group);  // for counts(), now and then until the group is cancelled; on the first shard
  void sources_changed();      // of an address or a tenant; any thread

  queue::Queue& queue() { return *queue_; }
  delivery::SiteGate& sites() { return *gate_; }
  std::vector<std::unique_ptr<delivery::Courier>>& couriers() { return couriers_; }  // one of each shard
  std::vector<std::unique_ptr<net::Resolver>>& resolvers() { return resolvers_; }    // the same
  std::map<std::string, std::uint64_t> counts() const;  // deliveries by state, lately; any thread

 private:
  queue::Queue::Parts queue_parts(const Configuration& configuration);
  Status open_courier(std::size_t shard, const Configuration& configuration);
  std::vector<IpAddress> sources(const queue::LaneKey& lane) const;

  Foundation& foundation_;
  Oversight& oversight_;
  std::unique_ptr<delivery::SiteGate> gate_;
  std::unique_ptr<queue::Queue> queue_;
  std::vector<std::unique_ptr<net::Resolver>> resolvers_;
  std::vector<std::unique_ptr<delivery::Courier>> couriers_;
  std::atomic<bool> is_started_{false};
  std::atomic<std::uint64_t> ready_{0}, active_{0}, scheduled_{0}, held_{0};
};

}  // namespace bulkhead::app

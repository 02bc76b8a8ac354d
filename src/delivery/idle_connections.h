// Connections that wait a few seconds for the next message of their lane, so that a lane whose mail comes one by one
// need not greet anew for each. Bounded; of one shard.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/delivery/remote_connection.h"
#include "src/queue/job.h"
#include "tenants/live_directory.h"

namespace bulkhead::delivery {

// A connection with what was known when it was last found right for a domain.
struct LaneConnection {
  std::unique_ptr<RemoteConnection> remote;
  std::string domain;
  tenants::SnapshotPtr directory;
  SteadyTime routed_at;
  tenants::RouteTls tls = tenants::RouteTls::kOpportunistic;
};

class IdleConnections {
 public:
  IdleConnections(const Clock& clock, std::chrono::milliseconds kept, std::size_t connections_max)
      : clock_(clock), kept_(kept), connections_max_(connections_max) {}

  // Keeps the connection; gives it back when there is no room.
  std::optional<LaneConnection> park(const queue::LaneKey& lane, LaneConnection connection);
  // The one of the lane that was used last.
  std::optional<LaneConnection> take(const queue::LaneKey& lane);
  // Those that have waited long enough; with kAll, all.
  enum class Which { kExpired, kAll };
  std::vector<LaneConnection> remove(Which which);
  std::size_t size() const { return size_; }

 private:
  struct Parked {
    LaneConnection connection;
    SteadyTime until;
  };
  const Clock& clock_;
  std::chrono::milliseconds kept_;
  std::size_t connections_max_;
  std::size_t size_ = 0;
  std::map<queue::LaneKey, std::deque<Parked>> lanes_;  // each in the order of parking
};

}  // namespace bulkhead::delivery

#include "src/delivery/idle_connections.h"

#include <utility>

namespace bulkhead::delivery {

std::optional<LaneConnection> IdleConnections::park(const queue::LaneKey& lane, LaneConnection connection) {
  if (size_ >= connections_max_) return connection;
  lanes_[lane].push_back({std::move(connection), clock_.steady() + kept_});
  ++size_;
  return std::nullopt;
}

std::optional<LaneConnection> IdleConnections::take(const queue::LaneKey& lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return std::nullopt;
  LaneConnection connection = std::move(found->second.back().connection);
  found->second.pop_back();
  if (found->second.empty()) lanes_.erase(found);
  --size_;
  return connection;
}

std::vector<LaneConnection> IdleConnections::remove(Which which) {
  std::vector<LaneConnection> removed;
  const SteadyTime now = clock_.steady();
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    auto& parked = lane->second;
    while (!parked.empty() && (which == Which::kAll || parked.front().until <= now)) {
      removed.push_back(std::move(parked.front().connection));
      parked.pop_front();
    }
    lane = parked.empty() ? lanes_.erase(lane) : std::next(lane);
  }
  size_ -= removed.size();
  return removed;
}

}  // namespace bulkhead::delivery

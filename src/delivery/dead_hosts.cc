#include "src/delivery/dead_hosts.h"

#include <utility>

namespace bulkhead::delivery {

std::optional<DeadHosts::Failure> DeadHosts::failure(const IpAddress& source, const SocketAddress& remote,
                                                     SteadyTime since) {
  if (entries_.empty()) return std::nullopt;
  const auto found = entries_.find({source, remote});
  if (found == entries_.end()) return std::nullopt;
  const Failure& failure = found->second;
  if (failure.at > since && clock_.steady() - failure.at < kept_) return failure;
  entries_.erase(found);
  return std::nullopt;
}

void DeadHosts::failed(const IpAddress& source, const SocketAddress& remote, std::string why) {
  if (entries_.size() >= entries_max_) make_room();
  entries_.insert_or_assign(Pair{source, remote}, Failure{std::move(why), clock_.steady()});
}

void DeadHosts::answered(const IpAddress& source, const SocketAddress& remote) {
  if (!entries_.empty()) entries_.erase({source, remote});
}

// What has passed goes; when nothing has, all goes: a try too many costs less than an order to keep.
void DeadHosts::make_room() {
  const SteadyTime now = clock_.steady();
  std::erase_if(entries_, [this, now](const auto& entry) { return now - entry.second.at >= kept_; });
  if (entries_.size() >= entries_max_) entries_.clear();
}

}  // namespace bulkhead::delivery

#include "src/delivery/dead_hosts.h"

#include <utility>

namespace bulkhead::delivery {

std::optional<std::string> DeadHosts::failure(const IpAddress& source, const SocketAddress& remote) {
  if (entries_.empty()) return std::nullopt;
  const auto found = entries_.find({source, remote});
  if (found == entries_.end()) return std::nullopt;
  if (found->second.until > clock_.steady()) return found->second.why;
  entries_.erase(found);
  return std::nullopt;
}

void DeadHosts::failed(const IpAddress& source, const SocketAddress& remote, std::string why) {
  if (entries_.size() >= entries_max_) make_room();
  entries_.insert_or_assign(Pair{source, remote}, Entry{clock_.steady() + kept_, std::move(why)});
}

void DeadHosts::answered(const IpAddress& source, const SocketAddress& remote) {
  if (!entries_.empty()) entries_.erase({source, remote});
}

// What has passed goes; when nothing has, all goes: a try too many costs less than an order to keep.
void DeadHosts::make_room() {
  const SteadyTime now = clock_.steady();
  std::erase_if(entries_, [now](const auto& entry) { return entry.second.until <= now; });
  if (entries_.size() >= entries_max_) entries_.clear();
}

}  // namespace bulkhead::delivery

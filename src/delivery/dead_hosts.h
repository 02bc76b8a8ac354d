// Remembers for a short while which addresses did not answer, so that a queue for a dead host does not wait for a
// timeout with each message. Bounded; of one shard.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/ip_address.h"

namespace bulkhead::delivery {

class DeadHosts {
 public:
  DeadHosts(const Clock& clock, std::chrono::milliseconds kept, std::size_t entries_max)
      : clock_(clock), kept_(kept), entries_max_(entries_max) {}

  struct Failure {
    std::string why;
    SteadyTime at;
  };
  // How connecting from `source` to `remote` failed a moment ago, after `since`; nothing when it may be tried.
  std::optional<Failure> failure(const IpAddress& source, const SocketAddress& remote,
                                 SteadyTime since = SteadyTime::min());
  void failed(const IpAddress& source, const SocketAddress& remote, std::string why);
  void answered(const IpAddress& source, const SocketAddress& remote);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Pair {
    IpAddress source;
    SocketAddress remote;
    bool operator==(const Pair&) const = default;
  };
  struct PairHash {
    std::size_t operator()(const Pair& pair) const noexcept {
      return std::hash<IpAddress>{}(pair.source) * 31 + std::hash<SocketAddress>{}(pair.remote);
    }
  };
  void make_room();

  const Clock& clock_;
  std::chrono::milliseconds kept_;
  std::size_t entries_max_;
  std::unordered_map<Pair, Failure, PairHash> entries_;
};

}  // namespace bulkhead::delivery

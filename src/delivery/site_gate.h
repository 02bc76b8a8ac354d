// The limits between the queue and the remote sites: how many connections, and how much mail, now.
//
// Connections: of each address to a site as many as the site takes (concurrency.h), at most what the directory allows
// for the pair and for the site over all of the node; tenants in equal shares. Mail: rates of a site, of an address to
// a site, the warm-up of new addresses and tenants, and the pace that a tenant chose. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "monitoring/reputation/restrictions.h"
#include "netpolicy/limits/limiter.h"
#include "src/delivery/concurrency.h"
#include "src/delivery/shared_places.h"
#include "src/queue/gate.h"

namespace bulkhead::delivery {

class SiteGate final : public queue::Gate {
 public:
  struct Parts {  // all outlive it
    const tenants::LiveDirectory& directory;
    netpolicy::Limiter& limiter;
    const Clock& clock;
    Random& random;
    std::chrono::milliseconds pause_most = ConcurrencyWindow::kPauseMost;  // after a site was not reachable
    std::uint32_t pair_connections = UINT32_MAX;  // of an address to a site, unless the directory says otherwise
    const reputation::RestrictionBoard* restrictions = nullptr;  // null: nobody is restricted
  };
  // Of a site over all of the node, unless the directory says otherwise: so that one that swallows every connection
  // leaves workers for the others.
  static constexpr std::uint32_t kSiteConnections = 100;

  explicit SiteGate(Parts parts) : parts_(parts), pair_connections_(parts.pair_connections) {}

  queue::StartAnswer may_start(const queue::StartRequest& request) override;
  void worker_ended(const queue::LaneKey& lane) override;
  bool must_yield(const queue::LaneKey& lane, bool is_ahead) override;
  queue::GoAnswer may_go(const queue::HandOut& job) override;
  void try_again(const queue::LaneKey& lane) override;
  // Another most of connections of an address to a site. Any thread.
  void change_pair_connections(std::uint32_t most) { pair_connections_ = most; }
  // When somebody last asked for that, for anything: failures of hosts before it count no more.
  SteadyTime tried_again_at() const { return SteadyTime{SteadyTime::duration{tried_again_at_.load()}}; }

  // What delivery has learned of a lane's site. Any shard.
  enum class Answer : std::uint8_t { kTaken, kSlowed, kUnreachable };
  void answered(const queue::LaneKey& lane, Answer answer);
  // After so many messages a connection to the lane's site is to be closed; nothing: no limit of the directory.
  std::optional<std::uint32_t> messages_per_connection(const queue::LaneKey& lane) const;
  // Whether connections to the site are counted by a limit, so that none may be kept open for later.
  bool is_counted(const queue::LaneKey& lane) const;

  // Connections that the limit counts, open now.
  std::uint64_t open_connections(const tenants::Limit& limit) const;
  struct Readings {
    std::uint64_t sites = 0, paused = 0, connections = 0;
  };
  Readings readings() const;

 private:
  static constexpr std::size_t kStripes = 16;
  // Beyond the first number, sites that nothing is known of go, looked for at most once a second; beyond the second,
  // what was learned of those without a connection is forgotten, too: mail for very many dead sites must not fill the
  // memory.
  static constexpr std::size_t kSitesPerStripe = 2000;
  static constexpr std::size_t kSitesPerStripeMax = 8000;

  struct Pair {  // a source or arrival address and a site
    ConcurrencyWindow window;
    SharedPlaces places;
  };
  struct Site {
    SharedPlaces places;
    std::unordered_map<IpAddress, Pair> pairs;
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Site> sites;
    SteadyTime room_made_at = SteadyTime::min();
  };
  struct Caps {
    std::uint32_t site = kSiteConnections;
    std::uint32_t pair = 0;
  };
  Stripe& stripe_of(const std::string& site) { return stripes_[std::hash<std::string>{}(site) % kStripes]; }
  const Stripe& stripe_of(const std::string& site) const { return stripes_[std::hash<std::string>{}(site) % kStripes]; }
  Pair& pair_of(Site& site, const IpAddress& address) const {
    return site.pairs.try_emplace(address, Pair{ConcurrencyWindow{parts_.pause_most}, {}}).first->second;
  }
  Caps caps_of(const queue::LaneKey& lane) const;
  void make_room(Stripe& stripe, SteadyTime now) const;
  queue::Pause backoff(const queue::LaneKey& lane, SteadyTime until, SteadyTime now) const;

  const Parts parts_;
  std::array<Stripe, kStripes> stripes_;
  std::atomic<std::uint32_t> pair_connections_;
  std::atomic<SteadyTime::rep> tried_again_at_{SteadyTime::min().time_since_epoch().count()};
};

}  // namespace bulkhead::delivery

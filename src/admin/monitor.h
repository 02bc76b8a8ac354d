// What people ask of the monitor of lists and readiness. Implemented in src/app; any thread unless it says otherwise.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitoring/listings/watch.h"
#include "netpolicy/readiness_watch.h"
#include "src/base/result.h"
#include "src/base/task.h"
#include "src/net/shard.h"

namespace bulkhead::admin {

class Monitor {
 public:
  virtual ~Monitor() = default;

  virtual std::vector<listings::ListingView> listings() const = 0;
  virtual std::vector<listings::ListingView> listings_of(const listings::Subject& subject) const = 0;
  virtual std::vector<listings::ZoneView> zones() const = 0;
  // Asks every zone that applies, now; on a shard. kNotFound when the subject is not watched, kLimit when it was asked
  // a moment ago.
  struct ZoneAnswer {
    std::string zone;
    std::string outcome;  // "listed", "clear", "failed", "set aside"
    std::string codes;    // of a listing
    std::string why;      // of the last two
  };
  virtual Task<Result<std::vector<ZoneAnswer>>> ask_zones(net::Shard& shard, listings::Subject subject) = 0;

  // Nothing: not watched.
  virtual std::optional<netpolicy::ReadinessView> readiness(const listings::Subject& subject) const = 0;
  // Lets an address send, or wants it checked anew before it sends. Durable when it returns; blocks.
  virtual Status set_ready(const IpAddress& ip, bool is_ready) = 0;
};

}  // namespace bulkhead::admin

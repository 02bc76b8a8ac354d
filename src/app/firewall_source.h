// What `bulkhead firewall` knows of the directory, read beside the server.
#pragma once

#include <memory>
#include <string>

#include "netpolicy/firewall/firewall_plan.h"
#include "src/app/configuration.h"
#include "src/base/clock.h"
#include "src/base/random.h"

namespace bulkhead::app {

class FirewallSource {
 public:
  // kNotFound when there is no directory yet. Reads with the rights of its owner, so that no file becomes root's.
  static Result<std::unique_ptr<FirewallSource>> open(const Configuration& configuration);
  Result<std::uint64_t> version();
  // Reads the directory anew.
  Status refresh();
  const tenants::Snapshot& snapshot() const { return *snapshot_; }
  netpolicy::FirewallPlan plan() const;

 private:
  explicit FirewallSource(const Configuration& configuration);
  const Configuration configuration_;
  netpolicy::FirewallSettings settings_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<tenants::Directory> directory_;
  std::unique_ptr<tenants::Snapshot> snapshot_;
};

}  // namespace bulkhead::app

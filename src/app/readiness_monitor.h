// Looks at each address and domain of the directory as others see it, tells what changed, and keeps an address that was
// never ready from sending, as the gate says (decision 0022).
//
// A driver around netpolicy::ReadinessWatch; lives on one shard, questions of people come on any thread.
#pragma once

#include <functional>
#include <mutex>

#include "netpolicy/host_addresses.h"
#include "netpolicy/readiness_watch.h"
#include "src/app/monitor_settings.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

class ReadinessMonitor {
 public:
  struct Parts {              // all outlive it
    net::Resolver& resolver;  // of its shard
    tenants::LiveDirectory& directory;
    netpolicy::HostAddressMonitor& host;
    store::Store& store;
    trace::Trace& trace;
    const Clock& clock;
    Random& random;
    Log& log;
    std::string node_name;
    std::function<void(const netpolicy::ReadinessChange&)> on_change{};  // on the shard; may be empty
  };
  static constexpr std::size_t kLooksMax = 8;  // at once

  explicit ReadinessMonitor(Parts parts) : parts_(std::move(parts)), watch_(parts_.clock, parts_.random) {}

  Status restore();                           // blocks; before the first turn
  void set(const MonitorSettings& settings);  // any thread
  SteadyTime turn(net::TaskGroup& group);     // on the shard; when to come again
  // While the gate holds a new address waits from the moment when the directory has it. Any thread.
  void directory_changed();

  std::optional<netpolicy::ReadinessView> of_address(const IpAddress& ip) const;
  std::optional<netpolicy::ReadinessView> of_domain(const std::string& name) const;
  netpolicy::ReadinessCounts addresses() const;
  netpolicy::ReadinessCounts domains() const;
  std::size_t withheld() const;
  Status set_ready(const IpAddress& ip, bool is_ready);  // blocks

 private:
  Task<void> look(netpolicy::ReadinessSubject subject);
  Task<netpolicy::Readiness> judge(netpolicy::ReadinessSubject subject);
  void record(const netpolicy::ReadinessChange& change);
  void follow_directory();
  void withhold();
  void tell(const netpolicy::ReadinessChange& change);
  Status know_what_is_here();
  Status commit_changes(store::Transaction transaction);

  const Parts parts_;
  std::mutex order_;          // of withhold(), so that the last one to look has the last word; before mutex_
  mutable std::mutex mutex_;  // of what follows
  netpolicy::ReadinessWatch watch_;
  netpolicy::ReadinessGate gate_ = netpolicy::ReadinessGate::kWarn;
  std::uint64_t version_ = 0;
  std::size_t withheld_ = 0;
  std::size_t open_looks_ = 0;  // on the shard, as what follows
  bool is_dirty_ = false;       // a look may have let an address go
  SteadyTime withheld_at_{}, followed_at_{};
};

}  // namespace bulkhead::app

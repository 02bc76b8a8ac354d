// The monitors of lists and of readiness together: one loop, one resolver of their own, the metrics, and what people
// ask of them.
#pragma once

#include <memory>

#include "src/admin/monitor.h"
#include "src/app/listing_monitor.h"
#include "src/app/readiness_monitor.h"

namespace bulkhead::app {

class AddressMonitor final : public admin::Monitor {
 public:
  struct Parts {  // all outlive it
    net::Shard& shard;
    net::ResolverOptions dns;
    tenants::LiveDirectory& directory;
    netpolicy::HostAddressMonitor& host;
    store::Store& store;
    trace::Trace& trace;
    monitoring::Metrics& metrics;
    const Clock& clock;
    Random& random;
    Log& log;
    std::string node_name;
    // On the shard, for each listing that begins or ends and each list that is set aside. Set before run().
    std::function<void(const listings::Transition&)> on_transition{};
    std::function<void(const netpolicy::ReadinessChange&)> on_readiness{};  // on the shard
  };
  // Restores what was known; blocks.
  static Result<std::unique_ptr<AddressMonitor>> open(Parts parts, const MonitorSettings& settings);
  ~AddressMonitor() override;

  void set(const MonitorSettings& settings);           // live; any thread
  void use_servers(std::vector<std::string> servers);  // live, checked before; any thread, while the runtime runs
  void directory_changed() { readiness_.directory_changed(); }  // any thread
  Task<void> run(net::TaskGroup& group);                        // on the shard, until the group is cancelled
  bool asks(std::string_view zone) const { return lists_.asks(zone); }
  // As ListingMonitor::hear. On the shard.
  bool hear(const listings::Transition& said, bool is_told) { return lists_.hear(said, is_told); }

  std::vector<listings::ListingView> listings() const override { return lists_.listings(); }
  std::vector<listings::ListingView> listings_of(const listings::Subject& subject) const override {
    return lists_.listings_of(subject);
  }
  std::vector<listings::ZoneView> zones() const override { return lists_.zones(); }
  Task<Result<std::vector<ZoneAnswer>>> ask_zones(net::Shard& shard, listings::Subject subject) override;
  std::optional<netpolicy::ReadinessView> readiness(const listings::Subject& subject) const override;
  Status set_ready(const IpAddress& ip, bool is_ready) override { return readiness_.set_ready(ip, is_ready); }

 private:
  AddressMonitor(Parts parts, std::unique_ptr<net::Resolver> resolver);
  void provide_metrics();

  net::Shard& shard_;
  monitoring::Metrics& metrics_;
  const Clock& clock_;
  std::unique_ptr<net::Resolver> resolver_;
  ListingMonitor lists_;
  ReadinessMonitor readiness_;
};

}  // namespace bulkhead::app

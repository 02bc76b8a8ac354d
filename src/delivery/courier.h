// Carries the queue's deliveries: to remote servers from the right address, and to mailboxes. One courier a shard.
//
// On its shard only, but for the constructor. Order at the end: Queue::drain, then stop(), then the destructor.
#pragma once

#include <memory>
#include <string>

#include "src/delivery/parts.h"
#include "src/delivery/settings.h"
#include "src/queue/queue.h"

namespace bulkhead::delivery {

struct Workshop;

class Courier final : public queue::Carrier {
 public:
  Courier(const Parts& parts, Settings settings);
  ~Courier() override;
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // Begins to close connections that are idle for too long. Once, before work comes.
  void start();
  // Ports, time-outs and counts from now on; the name and the listeners stay.
  void change_settings(const Settings& settings);
  // Interrupts what is under way: it goes back to the queue, untried where that is certain. Then waits for all to end.
  Task<void> stop();

  // The shard must be the courier's own.
  Task<std::string> site_of(net::Shard& shard, TenantId tenant, std::string domain) override;
  std::optional<std::string> known_site_of(const TenantId& tenant, const std::string& domain) const override;
  void start_worker(queue::LaneKey lane) override;
  bool leads_elsewhere(const queue::LaneKey& lane, const std::string& domain) const override;
  bool is_abandoned(const queue::LaneKey& lane) const override;

 private:
  std::unique_ptr<Workshop> workshop_;
};

}  // namespace bulkhead::delivery

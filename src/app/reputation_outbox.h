// A shard's reports on their way to the loop of reputation: those of one turn of the shard go together.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "monitoring/reputation/report.h"
#include "src/net/shard.h"

namespace bulkhead::app {

// What all outboxes of a node share; any thread.
struct ReportTraffic {
  std::atomic<std::uint64_t> reports{0}, dropped{0};
  std::atomic<std::size_t> waiting{0};  // handed over and not yet counted by the loop
};

class ReputationOutbox final : public reputation::Reports {
 public:
  using Deliver = std::function<void(std::vector<reputation::Report>)>;
  // More than these in an outbox, or waiting for the loop, are dropped.
  static constexpr std::size_t kTurnMax = 5000;
  static constexpr std::size_t kWaitingMax = 50000;

  // `deliver` runs on `loop`. All outlive the shard's last work.
  ReputationOutbox(net::Shard& shard, net::Shard& loop, ReportTraffic& traffic, Deliver deliver)
      : shard_(shard), loop_(loop), traffic_(traffic), deliver_(std::move(deliver)) {}

  void add(reputation::Report report) override;

 private:
  void flush();

  net::Shard& shard_;
  net::Shard& loop_;
  ReportTraffic& traffic_;
  const Deliver deliver_;
  std::vector<reputation::Report> reports_;
};

}  // namespace bulkhead::app

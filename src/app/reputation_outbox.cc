#include "src/app/reputation_outbox.h"

#include <utility>

namespace bulkhead::app {

void ReputationOutbox::add(reputation::Report report) {
  ++traffic_.reports;
  if (reports_.size() >= kTurnMax || traffic_.waiting >= kWaitingMax) {
    ++traffic_.dropped;
    return;
  }
  reports_.push_back(std::move(report));
  // Behind what the shard has to do now: what comes meanwhile goes along.
  if (reports_.size() == 1) shard_.post([this] { flush(); });
}

void ReputationOutbox::flush() {
  traffic_.waiting += reports_.size();
  loop_.post([this, reports = std::exchange(reports_, {})]() mutable { deliver_(std::move(reports)); });
}

}  // namespace bulkhead::app

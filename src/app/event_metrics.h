// Counts the events of the trace as metrics, so that both tell the same story.
#pragma once

#include "monitoring/metrics.h"
#include "src/queue/queue.h"
#include "src/trace/event.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

// Thread-safe; called for each event after its commit. An event whose tenant is unknown counts under "".
class EventMetrics {
 public:
  EventMetrics(monitoring::Metrics& metrics, const tenants::LiveDirectory& directory)
      : metrics_(metrics), directory_(directory) {}
  void count(const trace::Event& event);
  // Outgoing mail counts here and not as an event: only the queue knows its site.
  void count_progress(const queue::Progress& progress);

 private:
  monitoring::Metrics& metrics_;
  const tenants::LiveDirectory& directory_;
};

}  // namespace bulkhead::app

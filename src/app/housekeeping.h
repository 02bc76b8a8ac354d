// The work that nobody waits for: moving the trace into segments, freeing the mail of removed accounts, reclaiming the
// space of dead bodies.
#pragma once

#include "src/base/log.h"
#include "src/net/shard.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/directory.h"

namespace bulkhead::app {

// Runs on `shard` until the group is cancelled; the work itself runs on the pool.
class Housekeeping {
 public:
  struct Parts {  // all outlive it
    net::Shard& shard;
    net::BlockingPool& pool;
    store::Store& store;
    trace::Trace& trace;
    tenants::Directory& directory;
    const Clock& clock;
    Log& log;
  };
  explicit Housekeeping(Parts parts) : parts_(parts) {}
  Task<void> run(net::TaskGroup& group);

 private:
  Status free_removed();
  void tell_of_space(bool& was_taking);
  Parts parts_;
};

}  // namespace bulkhead::app

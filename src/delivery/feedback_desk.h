// Who takes the mail that comes to the feedback addresses of tenants: complaints and late bounces.
#pragma once

#include <vector>

#include "src/base/result.h"
#include "src/net/shard.h"
#include "src/queue/message.h"
#include "src/trace/event.h"

namespace bulkhead::delivery {

// Thread-safe.
class FeedbackDesk {
 public:
  virtual ~FeedbackDesk() = default;
  // Reads a message that came to the feedback address of `tenant`. What it proves is told by events, which ride
  // in the commit that ends its delivery. On an error the delivery is tried again later. On pool(): blocks.
  virtual Result<std::vector<trace::Event>> take(const queue::Message& message, const TenantId& tenant) = 0;
  // Where reports are read: searches of the trace must not stand in the way of mail.
  virtual net::BlockingPool& pool() = 0;
};

}  // namespace bulkhead::delivery

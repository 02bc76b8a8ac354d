// What planning makes of a message before its lanes are known: its deliveries, and what its owner's ledger must keep.
// Needs no shard.
#pragma once

#include <string>
#include <vector>

#include "src/queue/core.h"
#include "src/queue/records.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

// A delivery that the store knows more of than its message tells.
struct StoredDelivery {
  std::uint16_t index = 0;
  DeliveryRecord record;
};

struct Placement {
  Planned planned;     // its lane's site is still to be found
  std::string domain;  // "" for a local one
};

struct MessagePlan {
  MessageId id;
  TenantId tenant;
  AttributeKeys keys;
  bool has_several = false;  // deliveries, ended ones counted
  std::vector<std::uint16_t> records;
  std::vector<Placement> deliveries;  // those that have not ended
};

// A message that was just accepted.
MessagePlan plan_of(const Core& core, const Message& message);
// One that the store held, with its deliveries' records.
MessagePlan plan_of(const Core& core, const Message& message, const std::vector<StoredDelivery>& stored);

}  // namespace bulkhead::queue

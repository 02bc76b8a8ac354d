// How a message's recipients are grouped into deliveries: one per local account, one per remote domain.
//
// A function of the message alone, so that a delivery's index, which is that of its first recipient, means the same
// after a restart although sites may have changed meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/queue/message.h"

namespace bulkhead::queue {

struct RecipientGroup {
  std::uint16_t index = 0;                // of the first recipient: the delivery's index
  std::vector<std::uint16_t> recipients;  // in order
};

std::vector<RecipientGroup> group_recipients(const Message& message);
// The group that `index` is the first recipient of.
RecipientGroup group_at(const Message& message, std::uint16_t index);
// How many holders the body needs: the message's record, and one per local account that it goes to.
std::uint32_t body_holders(const Message& message);

}  // namespace bulkhead::queue

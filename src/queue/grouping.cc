#include "src/queue/grouping.h"

#include <string_view>
#include <unordered_map>

namespace bulkhead::queue {
namespace {

// The account's bytes or the domain. They cannot meet: a canonical domain has no byte below 0x20, and local ones are
// marked with one.
std::string group_name(const QueuedRecipient& queued) {
  if (!queued.local) return queued.recipient.address.domain;
  return std::string{'\x01'}.append(queued.local->bytes());
}

bool is_same_group(const QueuedRecipient& a, const QueuedRecipient& b) {
  if (a.local || b.local) return a.local == b.local;
  return a.recipient.address.domain == b.recipient.address.domain;
}

}  // namespace

std::vector<RecipientGroup> group_recipients(const Message& message) {
  std::vector<RecipientGroup> groups;
  const auto count = static_cast<std::uint16_t>(message.recipients.size());
  if (count == 1) {
    groups.push_back({0, {0}});
    return groups;
  }
  std::unordered_map<std::string, std::size_t> by_name;
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto [found, is_new] = by_name.try_emplace(group_name(message.recipients[i]), groups.size());
    if (is_new) groups.push_back({i, {}});
    groups[found->second].recipients.push_back(i);
  }
  return groups;
}

RecipientGroup group_at(const Message& message, std::uint16_t index) {
  RecipientGroup group{index, {}};
  if (index >= message.recipients.size()) return group;
  const auto& first = message.recipients[index];
  for (std::size_t i = index; i < message.recipients.size(); ++i) {
    if (is_same_group(first, message.recipients[i])) group.recipients.push_back(static_cast<std::uint16_t>(i));
  }
  return group;
}

std::uint32_t body_holders(const Message& message) {
  std::uint32_t holders = 1;
  for (const auto& group : group_recipients(message)) {
    if (message.recipients[group.index].local) ++holders;
  }
  return holders;
}

}  // namespace bulkhead::queue

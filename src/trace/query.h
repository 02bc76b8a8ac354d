// What a search asks for. Filters combine with "and"; empty ones match everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/trace/event.h"

namespace bulkhead::trace {

struct Query {
  std::optional<TenantId> tenant;
  std::optional<std::vector<TenantId>> tenants;  // any of these; in order
  std::optional<MessageId> id;
  std::optional<AccountId> account;
  std::optional<EventKind> kind;
  std::optional<IpAddress> client_ip;
  std::optional<IpAddress> source;
  // Addresses and domains match in any case, `message_id` with or without its angle brackets, `subject` as a part of
  // the event's, in any case of ASCII. The sender "<>" is the null one, of events that are about a message.
  std::string account_name, sender, recipient, recipient_domain, site, message_id, subject, user, protocol;
  std::optional<UtcTime> since, until;  // both inclusive
  std::size_t limit = 100;              // newest first, at most this many
};

bool matches(const Query& query, const Event& event);

// What an event can be found by, as 40-bit hashes in the upper bits of a word; the lower 24 are zero. Equal keys have
// equal hashes on every machine; different ones may rarely collide, which costs a needless read.
inline constexpr unsigned kKeyShift = 24;
void append_keys(const Event& event, std::vector<std::uint64_t>& keys);
// The keys that every event matching `query` has; empty when none of its filters is indexed.
std::vector<std::uint64_t> keys_of(const Query& query);

}  // namespace bulkhead::trace

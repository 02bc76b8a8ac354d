// Which deliveries are meant: what is given must all hold. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/queue/message.h"

namespace bulkhead::queue {

// A state that lists know besides the four words: held by a directive, and by nothing else.
inline constexpr std::string_view kHeldByOrder = "held by an order";

struct Selector {
  std::optional<TenantId> tenant;
  std::optional<MessageId> id;
  std::optional<IpAddress> source, client_ip;
  std::string account, sender, recipient, recipient_domain, site, state, subject;
  std::optional<std::chrono::seconds> older_than;
  // The account that `account` names: with it, an account's mail is found without reading messages, and under its
  // former names too. Queue looks it up itself where it can.
  std::optional<AccountId> account_id = {};
};

// Whether it selects everything.
bool is_everything(const Selector& selector);
// Whether no message must be read to answer it.
bool is_answered_by_entry(const Selector& selector);
// The same where any account will do: an entry tells whether it has one, though no counter does.
bool needs_message(const Selector& selector);
// "tenant=… account=…": for people, "everything" when nothing is given.
std::string text_of(const Selector& selector);
// The same as flags of the command line, each value quoted for a shell; "--all" when nothing is given.
std::string flags_of(const Selector& selector);
// Whether each delivery that `inner` means is meant by `outer` too, as far as their texts show.
bool covers(const Selector& outer, const Selector& inner);
// Whether no delivery can be meant by both, as far as their texts show.
bool are_disjoint(const Selector& a, const Selector& b);

// The part of the selector that needs the message. `now` is what ages are counted from.
bool matches_message(const Selector& selector, const Message& message, const std::vector<std::uint16_t>& pending,
                     UtcTime now);

bool is_equal_text(std::string_view a, std::string_view b);  // letters of ASCII in either case

}  // namespace bulkhead::queue

// The queue's keys in the store, and the record of a delivery whose state differs from "just accepted".
//
//   'm' + message id                     the message, written once at acceptance
//   'd' + message id + index (2, BE)     a delivery that was tried, partly done, or warned about
//   'x' + directive id                   a directive in force, see directive.h
//   'y'                                  the number of the last directive given
//
// A message without 'd' records has every recipient pending. The grouping of recipients into deliveries is a function
// of the message alone (see grouping.h), so that an index means the same after a restart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/queue/directive.h"
#include "src/queue/job.h"

namespace bulkhead::queue {

std::string message_key(const MessageId& id);
std::string delivery_key(const DeliveryKey& key);
std::optional<MessageId> parse_message_key(std::string_view key);
std::optional<DeliveryKey> parse_delivery_key(std::string_view key);
// The first key after all of this message's, with the given first letter.
std::string past_message(char letter, const MessageId& id);
std::string directive_key(const DirectiveId& id);
inline constexpr std::string_view kDirectiveNumberKey = "y";

// What has become of one recipient so far.
struct RecipientState {
  std::uint16_t recipient = 0;  // index into Message::recipients
  Fate fate = Fate::kDeferred;
  Answer answer;             // the last one, "" before the first attempt; bounded
  bool is_consumed = false;  // delivered, and kept by no mailbox
};

struct DeliveryRecord {
  std::uint16_t attempts = 0;
  UtcTime next_attempt;
  UtcTime since;           // of the last change
  UtcTime expires_at{};    // where a hold has moved it; the epoch: the message's own
  bool is_warned = false;  // the delay warning was sent, or none is due
  std::string remote;      // of the last attempt
  std::string remote_mta;
  std::vector<RecipientState> recipients;

  std::vector<std::uint16_t> pending() const;
  // Whether a mailbox has the message now, and with it the share of the body.
  bool has_stored() const;

  std::string encode() const;
  static Result<DeliveryRecord> decode(std::string_view bytes);
};

}  // namespace bulkhead::queue

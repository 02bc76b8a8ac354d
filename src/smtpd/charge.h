// What a submission is charged: its message at MAIL, its recipients at RCPT, its octets at their end, so that a client
// that is over a limit hears it before it sends what would be thrown away.
#pragma once

#include "src/smtpd/conversation.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

// Adds `amount` to what the transaction has reserved; the refusal when a limit is in the way. Mail from outside is
// nobody's account, and is not charged.
Refused charge(const Conversation& conversation, Transaction& transaction, const netpolicy::Amount& amount);

// How many the queue would deliver to: what a recipient is charged.
std::uint64_t recipients_of(const tenants::Resolution& resolution);

}  // namespace bulkhead::smtpd

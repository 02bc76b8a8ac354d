// Whether the mailboxes that a recipient leads to have room: a full one is told to the sender in the session, where
// it costs nobody a report days later.
#pragma once

#include "src/base/task.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

// For RCPT. Refuses when no mailbox of the recipient has room for a message of that size (0: not known), and no forward
// takes it: 552 where the message can never fit, 452 where it could once there is room (RFC 5321 §4.2.3, RFC 3463
// §3.3). Where one has room, the others' shares wait in the queue or are returned.
Task<Refused> check_room(Conversation& conversation, const tenants::Resolution& resolution);

// The same for the whole message, its size being known now: refuses when none of its recipients can get it.
Task<Refused> check_room_of_all(Conversation& conversation, std::uint64_t size);

}  // namespace bulkhead::smtpd

// A whole message that was refused, in the trace: with its sender and all of its recipients that were accepted.
#pragma once

#include "src/smtpd/conversation.h"

namespace bulkhead::smtpd {

// As Conversation::record_rejection(), as often as the bound for a session allows. Before the transaction ends.
void record_refused_message(Conversation& conversation, const smtp::Reply& reply);

}  // namespace bulkhead::smtpd

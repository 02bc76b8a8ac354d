// From a resolved recipient to the recipients that the queue delivers to.
#pragma once

#include "src/mail/envelope.h"
#include "src/smtpd/conversation.h"
#include "tenants/live_directory.h"

namespace bulkhead::smtpd {

// Adds what `recipient` resolved to, without duplicates: local accounts that are active (keeping the address as the
// client gave it), forwards, or the remote address itself. Whatever leaves under another address carries the original
// one as ORCPT (RFC 3461 §5.2.7).
void expand_into(Transaction& transaction, const mail::Recipient& recipient, const tenants::Resolution& resolution);

}  // namespace bulkhead::smtpd

// Whether who began a transaction may still go on with it.
#pragma once

#include "src/base/task.h"
#include "src/smtpd/conversation.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

// At the beginning of the message itself: an account that was suspended, removed or given another password after MAIL
// sends nothing more; a message that has begun may end. The directory answers from its cache.
Task<Refused> recheck_originator(Conversation& conversation);

}  // namespace bulkhead::smtpd

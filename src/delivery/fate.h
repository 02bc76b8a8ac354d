// What the answer of a remote server means for a recipient. The smallest table that is right; pure.
#pragma once

#include <string>
#include <string_view>

#include "src/proto/smtp/client_session.h"
#include "src/queue/job.h"

namespace bulkhead::delivery {

// The fate of a recipient whom `answer` at `stage` is about.
// - 2yz delivered, 4yz deferred, 5yz failed, no answer (0) or nonsense deferred.
// - 5yz to the greeting, EHLO or STARTTLS deferred, as it concerns us and not the recipient, but for 521 and 556: the
//   host takes no mail at all (RFC 7504).
// - 552 to RCPT without an enhanced code, or with 5.5.3: too many recipients (RFC 5321 §4.5.3.1.10), deferred.
queue::Fate fate_of(const queue::Answer& answer, smtp::ClientStage stage);

// Whether the server says that this transaction has too many recipients, so that another one may take the rest.
bool is_too_many_recipients(const smtp::Reply& reply);

// The reply as the queue keeps it: one line, without control characters, at most 1,000 bytes.
queue::Answer answer_of(const smtp::Reply& reply);
// An answer of our own about a destination.
queue::Answer own_answer(std::string_view enhanced, std::string text);

}  // namespace bulkhead::delivery

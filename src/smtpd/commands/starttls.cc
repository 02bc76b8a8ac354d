// STARTTLS (RFC 3207). The handshake is the session's; here is only whether it may begin.
#include "src/smtpd/commands/commands.h"

namespace bulkhead::smtpd {

Task<Answer> starttls(Conversation& conversation, smtp::Command) {
  if (!conversation.tls.empty()) co_return Answer{smtp::Reply(503, "5.5.1", "TLS is already in use")};
  if (conversation.services.tls == nullptr) co_return Answer{smtp::Reply(502, "5.5.1", "TLS is not offered here")};
  co_return Answer{smtp::Reply(220, "2.0.0", "Begin the TLS handshake"), Next::kStartTls};
}

}  // namespace bulkhead::smtpd

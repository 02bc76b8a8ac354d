// The commands that need no more than a line: RSET, NOOP, QUIT, VRFY, EXPN, HELP.
#include "src/smtpd/commands/commands.h"

namespace bulkhead::smtpd {

Task<Answer> rset(Conversation& conversation, smtp::Command) {
  conversation.transaction.reset();
  co_return Answer{smtp::Reply(250, "2.0.0", "Ok")};
}

Task<Answer> noop(Conversation&, smtp::Command) {
  co_return Answer{smtp::Reply(250, "2.0.0", "Ok")};
}

Task<Answer> quit(Conversation&, smtp::Command) {
  co_return Answer{smtp::Reply(221, "2.0.0", "Goodbye"), Next::kClose};
}

// No oracle: the answer is the same for every argument (RFC 5321 §7.3).
Task<Answer> vrfy(Conversation&, smtp::Command) {
  co_return Answer{smtp::Reply(252, "2.5.0", "Cannot verify: send the message and see")};
}

Task<Answer> expn(Conversation&, smtp::Command) {
  co_return Answer{smtp::Reply(502, "5.5.1", "EXPN is not offered")};
}

Task<Answer> help(Conversation&, smtp::Command) {
  co_return Answer{smtp::Reply(214, "2.0.0", "EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT STARTTLS AUTH: see RFC 5321")};
}

}  // namespace bulkhead::smtpd

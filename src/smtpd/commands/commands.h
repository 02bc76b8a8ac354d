// The command handlers, each in the file that bears its name.
#pragma once

#include "src/smtpd/command_table.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

Task<Answer> hello(Conversation& conversation, smtp::Command command);  // EHLO and HELO
Task<Answer> mail_from(Conversation& conversation, smtp::Command command);
Task<Answer> rcpt_to(Conversation& conversation, smtp::Command command);
Task<Answer> data(Conversation& conversation, smtp::Command command);
Task<Answer> bdat(Conversation& conversation, smtp::Command command);
Task<Answer> rset(Conversation& conversation, smtp::Command command);
Task<Answer> noop(Conversation& conversation, smtp::Command command);
Task<Answer> quit(Conversation& conversation, smtp::Command command);
Task<Answer> vrfy(Conversation& conversation, smtp::Command command);
Task<Answer> expn(Conversation& conversation, smtp::Command command);
Task<Answer> help(Conversation& conversation, smtp::Command command);
Task<Answer> starttls(Conversation& conversation, smtp::Command command);
Task<Answer> auth(Conversation& conversation, smtp::Command command);

// A line of the client while AUTH is in progress.
Task<Answer> auth_response(Conversation& conversation, std::string line);
// Why the message is refused, as far as its text has been read.
Refused check_content(const Conversation& conversation);
// The message has arrived whole: makes it durable and answers. Ends the transaction.
Task<Answer> accept_message(Conversation& conversation);

}  // namespace bulkhead::smtpd

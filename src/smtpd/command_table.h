// The commands of the server as data: which function carries each out, and when it may come.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/task.h"
#include "src/proto/smtp/command.h"
#include "src/smtpd/conversation.h"

namespace bulkhead::smtpd {

// Carries a command out and answers; never touches the socket.
using Handler = Task<Answer> (*)(Conversation& conversation, smtp::Command command);

struct CommandRule {
  smtp::Verb verb;
  Handler handler;
  bool needs_hello = false;
  bool needs_recipients = false;  // implies a transaction
  bool needs_transaction = false;
  bool needs_no_transaction = false;
};

const CommandRule& rule_of(smtp::Verb verb);

// The refusal of a command that comes out of order (503), nothing when its turn has come.
std::optional<smtp::Reply> check_order(const CommandRule& rule, const Conversation& conversation);

}  // namespace bulkhead::smtpd

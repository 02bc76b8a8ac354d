// What reputation has decided about a client or an account, and what it is told of them.
#pragma once

#include <optional>
#include <vector>

#include "monitoring/reputation/report.h"
#include "monitoring/reputation/restrictions.h"
#include "src/smtpd/conversation.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

// What a client that nothing is accepted from hears instead of the greeting. 421 on the port that other servers use, so
// that a wrong decision costs nobody mail; 554 where people submit.
Refused check_client(const SmtpServices& services, const IpAddress& client, ListenerKind kind);

// What a quarantined account, or one of a quarantined tenant, hears at MAIL and at the end of a message.
Refused check_account(const SmtpServices& services, const tenants::Account& account);

// What an account hears whose password is locked while it is quarantined.
Refused check_sign_in(const SmtpServices& services, const tenants::Account& account);

// How long a client that is throttled waits for each answer to AUTH.
std::chrono::milliseconds sign_in_delay(const SmtpServices& services, const IpAddress& client);

// Reports for the loop; nothing is done where nobody listens.
std::optional<reputation::Report> submission_report(const Conversation& conversation);
void report(const SmtpServices& services, std::optional<reputation::Report> report);
void report_unknown_recipient(const Conversation& conversation, const mail::Address& recipient);

struct SignInTry {
  const tenants::Account* account = nullptr;  // that has the name, if any
  std::string_view name = {};                 // as the client gave it
  bool is_successful = false;
};
void report_sign_in(const Conversation& conversation, const SignInTry& attempt);

}  // namespace bulkhead::smtpd

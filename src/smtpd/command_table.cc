#include "src/smtpd/command_table.h"

#include <algorithm>
#include <array>

#include "src/base/check.h"
#include "src/smtpd/commands/commands.h"

namespace bulkhead::smtpd {

namespace {

using smtp::Verb;

constexpr std::array<CommandRule, 14> kRules{{
    {.verb = Verb::kEhlo, .handler = hello},
    {.verb = Verb::kHelo, .handler = hello},
    {.verb = Verb::kMail, .handler = mail_from, .needs_hello = true, .needs_no_transaction = true},
    {.verb = Verb::kRcpt, .handler = rcpt_to, .needs_hello = true, .needs_transaction = true},
    {.verb = Verb::kData, .handler = data, .needs_hello = true, .needs_recipients = true, .needs_transaction = true},
    {.verb = Verb::kBdat, .handler = bdat, .needs_hello = true, .needs_recipients = true, .needs_transaction = true},
    {.verb = Verb::kRset, .handler = rset},
    {.verb = Verb::kNoop, .handler = noop},
    {.verb = Verb::kQuit, .handler = quit},
    {.verb = Verb::kVrfy, .handler = vrfy},
    {.verb = Verb::kExpn, .handler = expn},
    {.verb = Verb::kHelp, .handler = help},
    {.verb = Verb::kStartTls, .handler = starttls, .needs_hello = true, .needs_no_transaction = true},
    {.verb = Verb::kAuth, .handler = auth, .needs_hello = true, .needs_no_transaction = true},
}};

smtp::Reply out_of_order(std::string_view text) {
  return smtp::Reply(503, "5.5.1", text);
}

}  // namespace

const CommandRule& rule_of(Verb verb) {
  const auto found = std::find_if(kRules.begin(), kRules.end(), [verb](const auto& rule) { return rule.verb == verb; });
  BULKHEAD_CHECK(found != kRules.end());
  return *found;
}

std::optional<smtp::Reply> check_order(const CommandRule& rule, const Conversation& conversation) {
  if (rule.needs_hello && conversation.helo.empty()) return out_of_order("Say EHLO first");
  if (rule.needs_no_transaction && conversation.transaction) {
    return out_of_order("A message is in progress: finish it, or say RSET");
  }
  if (rule.needs_transaction && !conversation.transaction) return out_of_order("Say MAIL first");
  if (rule.needs_recipients && conversation.transaction->recipients.empty()) {
    return smtp::Reply(503, "5.5.1", "No valid recipients: say RCPT first");
  }
  return std::nullopt;
}

}  // namespace bulkhead::smtpd

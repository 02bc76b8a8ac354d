// EHLO and HELO (RFC 5321 §4.1.1.1).
#include "src/proto/smtp/extensions.h"
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

namespace {

smtp::Reply greeting(const Conversation& conversation) {
  const auto directory = conversation.snapshot();
  const auto* tenant = conversation.signed_in ? directory->tenant(conversation.signed_in->account.tenant)
                                              : dedicated_tenant(*directory, conversation.arrival.ip);
  const auto& settings = conversation.services.settings;
  const bool has_tls = !conversation.tls.empty();
  return smtp::ehlo_reply({.host = greeting_name(*directory, conversation.arrival.ip, conversation.services.node_name),
                           .size_max = message_size_max(settings, tenant),
                           .recipients_max = recipients_max(tenant),
                           .messages_max = settings.messages_per_session_max,
                           .has_starttls = !has_tls && conversation.services.tls != nullptr,
                           .has_auth = has_tls && !conversation.signed_in});
}

}  // namespace

Task<Answer> hello(Conversation& conversation, smtp::Command command) {
  conversation.helo = std::move(std::get<smtp::HelloArguments>(command.arguments).name);
  conversation.is_extended = command.verb == smtp::Verb::kEhlo;
  conversation.transaction.reset();
  if (!conversation.is_extended) co_return Answer{smtp::Reply(250, "", conversation.host_name())};
  co_return Answer{greeting(conversation)};
}

}  // namespace bulkhead::smtpd

// MAIL (RFC 5321 §4.1.1.2): begins a transaction, once it is clear who is charged for it.
#include <utility>

#include "src/smtpd/charge.h"
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

namespace {

smtp::Reply sign_in_required(const Conversation& conversation) {
  if (conversation.tls.empty()) return smtp::Reply(530, "5.7.0", "Say STARTTLS, then sign in with AUTH, to send mail");
  return smtp::Reply(530, "5.7.0", "Sign in with AUTH to send mail");
}

// Whether who is signed in still may be: a removed, suspended or re-credentialed account loses the session's rights at
// the next MAIL. Asked each time, as the snapshot's version does not tell of changes of accounts; the directory answers
// from its cache.
Task<Refused> recheck_sign_in(Conversation& conversation, Transaction& started) {
  if (!conversation.signed_in) co_return std::nullopt;
  auto& services = conversation.services;
  const AccountId id = conversation.signed_in->account.id;
  auto current = co_await services.directory.account_by_id(services.shard, id);
  if (!current) co_return temporary_failure(current.error());
  const bool is_same = *current && (*current)->password_hash == conversation.signed_in->account.password_hash &&
                       (*current)->tenant == conversation.signed_in->account.tenant;
  if (!is_same) {
    started.originator = std::exchange(conversation.signed_in, std::nullopt);  // for the trace
    co_return smtp::Reply(530, "5.7.0", "Your account has changed: sign in again with AUTH");
  }
  conversation.signed_in->account = std::move(**current);
  co_return std::nullopt;
}

std::optional<Originator> originator_of(const Conversation& conversation, const tenants::Snapshot& directory) {
  if (conversation.signed_in) return conversation.signed_in;
  const auto* account = directory.account_by_client(conversation.client, conversation.arrival.ip);
  if (account == nullptr) return std::nullopt;
  return Originator{*account, false};
}

// The checks that need no waiting, in order.
Refused check_mail(const Conversation& conversation, const tenants::Snapshot& directory, const Transaction& started) {
  const auto& services = conversation.services;
  if (conversation.messages >= services.settings.messages_per_session_max) {
    return smtp::Reply(421, "4.7.0", "Too many messages in one session: open another");
  }
  if (const auto status = services.intake.accepts_new(); !status) return temporary_failure(status.error());
  const tenants::Tenant* tenant = dedicated_tenant(directory, conversation.arrival.ip);
  if (started.originator) {
    const auto& account = started.originator->account;
    if (auto refused = check_originator(directory, account)) return refused;
    if (auto refused = check_account(services, account)) return refused;
    if (!may_act_on(directory, account, conversation.arrival.ip)) {
      return smtp::Reply(550, "5.7.1", "This server address does not serve your account: use your provider's");
    }
    tenant = directory.tenant(account.tenant);
  } else if (conversation.is_submission()) {
    return sign_in_required(conversation);
  }
  return check_declared_size(started.declared_size, message_size_max(services.settings, tenant));
}

// An originator may use only the senders that are his; the null sender is everybody's.
Task<Refused> check_sender(Conversation& conversation, const Transaction& started) {
  if (!started.originator || !started.sender.address) co_return std::nullopt;
  auto& services = conversation.services;
  tenants::Account account = started.originator->account;
  mail::Address sender = *started.sender.address;
  const std::string name = account.address.text();
  auto allowed = co_await services.directory.may_send_as(services.shard, std::move(account), std::move(sender));
  if (!allowed) co_return temporary_failure(allowed.error());
  if (*allowed) co_return std::nullopt;
  if (!started.originator->is_signed_in) {
    co_return smtp::Reply(550, "5.7.1",
                          "This client hands in mail as " + name + " by its network, and may not send as " +
                              started.sender.text() + ": use an address of that account's domains");
  }
  co_return smtp::Reply(550, "5.7.1",
                        name + " may not send as " + started.sender.text() + ": use an address of " + name + "'s own");
}

Answer refuse(Conversation& conversation, smtp::Reply reply, const Transaction& started) {
  conversation.transaction.emplace();
  conversation.transaction->sender = started.sender;
  conversation.transaction->originator = started.originator;
  conversation.record_rejection(reply);
  conversation.transaction.reset();
  const bool ends = reply.code == 421;
  return {std::move(reply), ends ? Next::kClose : Next::kContinue};
}

}  // namespace

Task<Answer> mail_from(Conversation& conversation, smtp::Command command) {
  auto& arguments = std::get<smtp::MailArguments>(command.arguments);
  Transaction started;
  started.sender = std::move(arguments.sender);
  started.declared_size = arguments.size;
  auto unwelcome = co_await recheck_sign_in(conversation, started);
  if (unwelcome) co_return refuse(conversation, std::move(*unwelcome), started);
  const auto directory = conversation.snapshot();
  started.originator = originator_of(conversation, *directory);
  if (auto refused = check_mail(conversation, *directory, started)) {
    co_return refuse(conversation, std::move(*refused), started);
  }
  auto not_his = co_await check_sender(conversation, started);
  if (not_his) co_return refuse(conversation, std::move(*not_his), started);
  if (auto over = charge(conversation, started, {.messages = 1})) {
    co_return refuse(conversation, std::move(*over), started);
  }
  if (started.originator) started.tenant = started.originator->account.tenant;
  conversation.transaction = std::move(started);
  co_return Answer{smtp::Reply(250, "2.1.0", "Sender ok")};
}

}  // namespace bulkhead::smtpd

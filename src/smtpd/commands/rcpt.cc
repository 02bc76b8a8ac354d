// RCPT (RFC 5321 §4.1.1.3): who may be written to, by whom, through which address.
#include "src/smtpd/charge.h"
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/expansion.h"
#include "src/smtpd/mailbox_room.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

namespace {

// <postmaster> without a domain must be taken (RFC 5321 §4.5.1). It is the tenant's on a dedicated address; on a
// shared one that of the domain that the server's own name lies in, when that is served here.
std::string postmaster_domain(const Conversation& conversation) {
  const auto directory = conversation.snapshot();
  const auto& arrival = conversation.arrival.ip;
  if (const auto* tenant = dedicated_tenant(*directory, arrival)) {
    for (const auto& domain : directory->domains()) {
      if (domain.tenant == tenant->id) return domain.name;
    }
  }
  const auto name = greeting_name(*directory, arrival, conversation.services.node_name);
  for (std::string_view rest = name;;) {
    const auto* domain = directory->domain_by_name(rest);
    if (domain != nullptr && directory->is_served_on(domain->tenant, arrival)) return domain->name;
    const auto dot = rest.find('.');
    if (dot == std::string_view::npos) return {};
    rest.remove_prefix(dot + 1);
  }
}

// The transaction belongs to one tenant. A recipient of a second one is put off: every client sends what got 452
// again, in a transaction of its own (RFC 5321 §4.5.3.1.10).
Refused check_tenant(const Transaction& transaction, const tenants::Resolution& resolution) {
  if (transaction.originator || !transaction.tenant || *transaction.tenant == resolution.tenant) return std::nullopt;
  return smtp::Reply(452, "4.5.3", "This recipient needs a transaction of its own: send it again separately");
}

Refused check_recipient(const Conversation& conversation, const tenants::Resolution& resolution) {
  const auto directory = conversation.snapshot();
  const auto& transaction = *conversation.transaction;
  if (!transaction.originator) {
    if (auto refused = check_inbound(*directory, resolution, conversation.arrival.ip)) return refused;
  }
  if (auto refused = check_resolution(*directory, resolution)) return refused;
  if (auto refused = check_tenant(transaction, resolution)) return refused;
  const auto* tenant = directory->tenant(transaction.tenant.value_or(resolution.tenant));
  // The same one again counts, too: each takes memory.
  const auto most = recipients_max(tenant);
  if (transaction.recipients.size() >= most || transaction.accepted.size() >= most) {
    return smtp::Reply(452, "4.5.3", "Too many recipients: send to the others in a further transaction");
  }
  const auto size_max = message_size_max(conversation.services.settings, tenant);
  return check_declared_size(transaction.declared_size, recipient_size_max(size_max, resolution));
}

// Asked once for each message, with its first recipient: before that nobody knows whose it is.
Task<Refused> check_queue(Conversation& conversation, TenantId tenant) {
  if (!conversation.transaction->accepted.empty()) co_return std::nullopt;
  auto& services = conversation.services;
  auto asking = services.intake.admits(services.shard, tenant);
  const Status admitted = co_await std::move(asking);
  if (admitted) co_return std::nullopt;
  if (admitted.error().code != ErrorCode::kFull) co_return temporary_failure(admitted.error());
  co_return smtp::Reply(452, "4.3.1", "The queue has no room for more of this mail now: try again later");
}

Answer refuse(Conversation& conversation, smtp::Reply reply, const mail::Recipient& recipient) {
  conversation.record_rejection(reply, &recipient.address);
  if (reply.is_temporary()) ++conversation.put_offs;
  return {std::move(reply)};
}

}  // namespace

Task<Answer> rcpt_to(Conversation& conversation, smtp::Command command) {
  auto& services = conversation.services;
  auto& arguments = std::get<smtp::RcptArguments>(command.arguments);
  auto& recipient = arguments.recipient;
  if (conversation.transaction->is_chunked) {
    co_return Answer{smtp::Reply(503, "5.5.1", "No further recipients after BDAT has begun")};
  }
  if (arguments.is_bare_postmaster) recipient.address.domain = postmaster_domain(conversation);
  if (recipient.address.domain.empty()) {
    co_return Answer{smtp::Reply(550, "5.1.3", "Write postmaster with its domain")};
  }
  if (recipient.address.needs_smtputf8() && !conversation.transaction->sender.is_smtputf8) {
    co_return refuse(conversation, smtp::Reply(553, "5.6.7", "This recipient needs SMTPUTF8 in the MAIL command"),
                     recipient);
  }
  mail::Address address = recipient.address;
  auto resolution = co_await services.directory.resolve(services.shard, std::move(address));
  if (!resolution) co_return refuse(conversation, temporary_failure(resolution.error()), recipient);
  if (auto refused = check_recipient(conversation, *resolution)) {
    if (resolution->kind == tenants::Resolution::Kind::kUnknown)
      report_unknown_recipient(conversation, recipient.address);
    co_return refuse(conversation, std::move(*refused), recipient);
  }
  auto has_no_room = co_await check_room(conversation, *resolution);
  if (has_no_room) co_return refuse(conversation, std::move(*has_no_room), recipient);
  auto& transaction = *conversation.transaction;
  auto asking = check_queue(conversation, transaction.tenant.value_or(resolution->tenant));
  auto is_full = co_await std::move(asking);
  if (is_full) co_return refuse(conversation, std::move(*is_full), recipient);
  if (auto over = charge(conversation, transaction, {.recipients = recipients_of(*resolution)})) {
    co_return refuse(conversation, std::move(*over), recipient);
  }
  if (!transaction.tenant) transaction.tenant = resolution->tenant;
  transaction.accepted.push_back(recipient.address.text());
  conversation.put_offs = 0;
  expand_into(transaction, recipient, *resolution);
  co_return Answer{smtp::Reply(250, "2.1.5", "Recipient ok")};
}

}  // namespace bulkhead::smtpd

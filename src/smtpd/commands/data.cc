// DATA and BDAT (RFC 5321 §4.1.1.4, RFC 3030), and what happens when the message has arrived.
#include "src/mail/received_field.h"
#include "src/smtpd/charge.h"
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/mailbox_room.h"
#include "src/smtpd/originator_check.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/refused_message.h"
#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

namespace {

std::string received_field_of(const Conversation& conversation, UtcTime now) {
  const auto& transaction = *conversation.transaction;
  const bool is_smtputf8 = transaction.sender.is_smtputf8;
  // More than one recipient would disclose the others; and UTF-8 belongs only into mail that announced it.
  const bool shows_recipient = transaction.accepted.size() == 1 &&
                               (is_smtputf8 || !transaction.recipients.front().recipient.address.needs_smtputf8());
  return mail::received_field(
      {.helo = conversation.helo,
       .client = conversation.client,
       .node = conversation.host_name(),
       .arrival = conversation.arrival.ip,
       .protocol = mail::with_protocol({.is_extended = conversation.is_extended,
                                        .is_smtputf8 = is_smtputf8,
                                        .is_tls = !conversation.tls.empty(),
                                        .is_authenticated = conversation.signed_in.has_value()}),
       .tls = conversation.tls,
       .id = transaction.id,
       .recipient = shows_recipient ? transaction.accepted.front() : std::string_view{},
       .at = now});
}

std::optional<MissingFields> missing_fields_of(const Conversation& conversation, UtcTime now) {
  const auto& transaction = *conversation.transaction;
  if (!transaction.originator) return std::nullopt;
  return MissingFields{transaction.sender.text(), to_rfc5322(now),
                       "<" + transaction.id.text() + "@" + conversation.host_name() + ">"};
}

// Prepares the transaction for the message's octets.
void begin_message(Conversation& conversation, smtp::DataReader::Framing framing) {
  auto& services = conversation.services;
  auto& transaction = *conversation.transaction;
  const auto now = services.clock.now();
  transaction.id = MessageId::make(services.clock, services.random);
  transaction.sink = std::make_unique<MessageSink>(services.intake.new_blob(), received_field_of(conversation, now),
                                                   missing_fields_of(conversation, now));
  transaction.reader.emplace(framing,
                             smtp::DataLimits{transaction_size_max(conversation), services.settings.line_size_max});
}

queue::NewMessage new_message(Conversation& conversation, const mail::HeaderFindings& findings) {
  auto& transaction = *conversation.transaction;
  queue::NewMessage made;
  auto& message = made.message;
  message.id = transaction.id;
  message.tenant = *transaction.tenant;
  if (transaction.originator) {
    message.account = transaction.originator->account.id;
    message.account_name = transaction.originator->account.address.text();
  }
  message.client_ip = conversation.client;
  message.protocol = to_string(conversation.kind);
  message.arrival = conversation.arrival;
  message.subject = findings.subject;
  message.message_id = findings.message_id;
  message.size = transaction.sink->size();
  message.queued_at = conversation.services.clock.now();
  if (transaction.pace) {
    message.not_before = transaction.pace->not_before;
    message.wait_reason = transaction.pace->hit->text();
  }

  auto received = conversation.event(trace::EventKind::kReceived);
  received.id = message.id;
  received.recipients = transaction.accepted;  // a copy: a refusal yet to come names them
  received.message_id = findings.message_id;
  received.subject = findings.subject;
  received.size = message.size;
  made.events.push_back(std::move(received));

  message.sender = transaction.sender;
  message.recipients = std::move(transaction.recipients);
  made.body = transaction.sink->take_blob();
  return made;
}

Answer refuse(Conversation& conversation, smtp::Reply reply) {
  record_refused_message(conversation, reply);
  conversation.transaction.reset();
  return {std::move(reply)};
}

}  // namespace

Refused check_content(const Conversation& conversation) {
  const auto& transaction = *conversation.transaction;
  const auto& settings = conversation.services.settings;
  switch (transaction.reader->fault()) {
    case smtp::DataFault::kBareLineEnd:
      return smtp::Reply(550, "5.6.11", "The message has line ends that are not CR LF: correct the sending program");
    case smtp::DataFault::kLineTooLong:
      return smtp::Reply(554, "5.6.0",
                         "The message has a line longer than " + std::to_string(settings.line_size_max) + " octets");
    case smtp::DataFault::kTooBig:
      return too_big(transaction_size_max(conversation));
    case smtp::DataFault::kNone:
      break;
  }
  if (!transaction.sink->status()) return temporary_failure(transaction.sink->status().error());
  return std::nullopt;
}

Task<Answer> data(Conversation& conversation, smtp::Command) {
  if (conversation.transaction->is_chunked) {
    co_return Answer{smtp::Reply(503, "5.5.1", "The message has begun with BDAT: go on with BDAT, or say RSET")};
  }
  if (const auto status = conversation.services.intake.accepts_new(); !status) {
    co_return refuse(conversation, temporary_failure(status.error()));
  }
  auto unwelcome = co_await recheck_originator(conversation);
  if (unwelcome) co_return refuse(conversation, std::move(*unwelcome));
  begin_message(conversation, smtp::DataReader::Framing::kDot);
  co_return Answer{smtp::Reply(354, "", "Send the message, then a line with a dot alone"), Next::kReceiveData};
}

Task<Answer> bdat(Conversation& conversation, smtp::Command command) {
  auto& transaction = *conversation.transaction;
  if (!transaction.is_chunked) {
    if (const auto status = conversation.services.intake.accepts_new(); !status) {
      co_return refuse(conversation, temporary_failure(status.error()));
    }
    auto unwelcome = co_await recheck_originator(conversation);
    if (unwelcome) co_return refuse(conversation, std::move(*unwelcome));
    begin_message(conversation, smtp::DataReader::Framing::kChunks);
    transaction.is_chunked = true;
  }
  const auto size = std::get<smtp::BdatArguments>(command.arguments).size;
  co_return Answer{smtp::Reply(250, "2.0.0", std::to_string(size) + " octets received"), Next::kReceiveChunk};
}

Task<Answer> accept_message(Conversation& conversation) {
  auto& transaction = *conversation.transaction;
  auto& services = conversation.services;
  transaction.reader->finish();
  transaction.sink->finish();
  if (auto refused = check_content(conversation)) co_return refuse(conversation, std::move(*refused));
  if (transaction.originator) {
    if (auto stopped = check_account(services, transaction.originator->account)) {
      co_return refuse(conversation, std::move(*stopped));
    }
  }
  const auto findings = transaction.sink->findings();
  if (findings.received_count >= services.settings.received_fields_max) {
    co_return refuse(conversation, smtp::Reply(554, "5.4.6", "Too many Received fields: the message is in a loop"));
  }
  auto has_no_room = co_await check_room_of_all(conversation, transaction.sink->size());
  if (has_no_room) co_return refuse(conversation, std::move(*has_no_room));
  if (auto over = charge(conversation, transaction, {.bytes = transaction.sink->size()})) {
    co_return refuse(conversation, std::move(*over));
  }
  const MessageId id = transaction.id;
  auto submission = submission_report(conversation);
  auto message = new_message(conversation, findings);
  const Status accepted = co_await services.intake.accept(services.shard, std::move(message));
  if (!accepted) {
    services.log.warning("message {} was not accepted: {}", id.text(), accepted.error().message);
    co_return refuse(conversation, temporary_failure(accepted.error()));
  }
  transaction.reservation.keep();
  report(services, std::move(submission));
  conversation.transaction.reset();
  ++conversation.messages;
  conversation.idle_commands = 0;
  conversation.errors = 0;
  ++services.census.counters().messages_accepted;
  co_return Answer{smtp::Reply(250, "2.0.0", "Accepted as " + id.text())};
}

}  // namespace bulkhead::smtpd

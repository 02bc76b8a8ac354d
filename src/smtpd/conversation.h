// The state of one SMTP session, as the command handlers see it: who is there, and the transaction in progress.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/proto/sasl/exchange.h"
#include "src/proto/smtp/command.h"
#include "src/proto/smtp/data_reader.h"
#include "src/smtpd/census.h"
#include "src/smtpd/message_sink.h"
#include "src/smtpd/services.h"

namespace bulkhead::smtpd {

// Who is charged for what this client sends: signed in, or recognised by its network.
struct Originator {
  tenants::Account account;
  bool is_signed_in = false;
};

// From MAIL to the reply to the message (RFC 5321 §3.3). A new one begins with each MAIL.
struct Transaction {
  mail::Sender sender;
  std::uint64_t declared_size = 0;
  std::optional<Originator> originator;
  std::optional<TenantId> tenant;                  // whose message it is; for inbound mail the first recipient's
  std::vector<queue::QueuedRecipient> recipients;  // expanded, without duplicates
  std::vector<std::string> accepted;               // as the client gave them
  bool is_sure_to_fit = false;                     // a recipient has no quota: the message finds room somewhere
  std::set<std::string> seen;                      // what `recipients` holds: account ids and remote addresses
  netpolicy::Reservation reservation;              // of the limits: given back when the transaction comes to nothing
  std::optional<netpolicy::Admission> pace;        // the limit that lets it go only later, if one does
  // The message while it arrives.
  MessageId id;
  std::unique_ptr<MessageSink> sink;
  std::optional<smtp::DataReader> reader;
  bool is_chunked = false;  // BDAT has begun: DATA may not follow (RFC 3030 §2)
};

struct Conversation {
  SmtpServices& services;
  ListenerKind kind;
  IpAddress client;
  SocketAddress arrival;
  std::string tls;           // "" in clear
  std::string helo;          // "" before EHLO or HELO
  bool is_extended = false;  // EHLO
  std::optional<Originator> signed_in;
  std::optional<sasl::Exchange> sasl;  // AUTH in progress: the next line belongs to it
  std::optional<Transaction> transaction;
  std::uint32_t messages = 0;
  std::uint32_t errors = 0;
  std::uint32_t put_offs = 0;       // recipients refused for now, since one was accepted
  std::uint32_t idle_commands = 0;  // since the last message
  std::uint32_t sign_in_failures = 0;
  std::uint32_t rejected_events = 0;

  tenants::SnapshotPtr snapshot() const { return services.directory.snapshot(); }
  // The name of this server on the arrival address: banner, EHLO and Received.
  std::string host_name() const;
  bool is_submission() const { return kind != ListenerKind::kSmtp; }

  // An event with all that is known of this session, and of the transaction if there is one. The tenant is the one that
  // is charged, before anybody is that of a dedicated arrival address.
  trace::Event event(trace::EventKind kind) const;
  // Records a refusal in the trace, as often as the bound for a session allows. One of a recipient from outside belongs
  // to the tenant that was to get the mail.
  void record_rejection(const smtp::Reply& reply, const mail::Address* recipient = nullptr);
};

// What the loop does after it has queued the reply.
enum class Next : std::uint8_t { kContinue, kReceiveData, kReceiveChunk, kStartTls, kClose };

struct Answer {
  smtp::Reply reply;
  Next next = Next::kContinue;
};

}  // namespace bulkhead::smtpd

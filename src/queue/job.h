// What the queue hands to delivery, and what it gets back. Plain values that may cross shards.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/queue/message.h"
#include "src/store/kv.h"
#include "src/trace/event.h"

namespace bulkhead::queue {

// A delivery: the recipients of one message that go to one site together.
struct DeliveryKey {
  MessageId message;
  std::uint16_t index = 0;
  auto operator<=>(const DeliveryKey&) const = default;
  std::string text() const;  // "01J…/0"
};

// tenant × arrival address (from which the source is resolved at each attempt) × site.
struct LaneKey {
  TenantId tenant;
  IpAddress arrival;
  std::string site;  // "local" for mailboxes, "route:host:port", a provider's name, or the normalised MX set
  auto operator<=>(const LaneKey&) const = default;
};

// One attempt of one delivery.
struct Job {
  DeliveryKey key;
  MessagePtr message;
  std::vector<std::uint16_t> recipients;  // indexes into message->recipients, those still pending
  std::string domain;                     // of these recipients ("" for local ones)
  std::uint32_t attempt = 1;              // 1 for the first
};

// The answer of a remote server or of ourselves, for one recipient.
struct Answer {
  int code = 0;          // 250, 451, 550 …; 0 when there was none (connection lost, DNS)
  std::string enhanced;  // "4.7.1", "" when absent
  std::string text;      // for DSN and trace; untrusted, escaped when shown
};

enum class Fate : std::uint8_t { kDelivered, kDeferred, kFailed };

struct RecipientOutcome {
  std::uint16_t recipient = 0;  // index into message->recipients
  Fate fate = Fate::kDeferred;
  Answer answer;
  bool is_dsn_relayed = false;   // the next hop took over the DSN duty (it offered DSN): no "delivered" DSN from us
  std::string reply_class = {};  // what a negative answer means, for the trace: "rcpt", "rep-ip", …
  std::string rule = {};         // that says so
  bool is_consumed = false;      // kDelivered, local: read, and kept by no mailbox
};

struct Outcome {
  enum class Kind : std::uint8_t {
    kAttempted,  // counts as an attempt; `recipients` tells each one's fate
    kHeld,       // its whole lane waits until the directory or this host changes; uses no attempt
    kUnsent,     // not tried (connection closed before its turn, shutdown): back to ready, uses no attempt
  } kind = Kind::kAttempted;
  std::vector<RecipientOutcome> recipients;
  std::string hold_code = "no-source";              // kHeld: the reason's code
  std::string reason;                               // kHeld: why, as a sentence
  std::optional<IpAddress> source;                  // the address it left from
  std::string remote;                               // "mx.example[192.0.2.1]:25"
  std::string remote_mta;                           // host name for DSNs, "" when none
  std::string tls;                                  // as trace::Event::tls
  std::optional<std::chrono::seconds> retry_after;  // the remote asked for it
  store::Batch batch;  // local delivery: the mailbox rows, durable together with the outcome
};

}  // namespace bulkhead::queue

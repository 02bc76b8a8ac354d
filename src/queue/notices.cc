#include "src/queue/notices.h"

#include <algorithm>

#include "src/queue/bridge.h"
#include "src/queue/grouping.h"

namespace bulkhead::queue {
namespace {

constexpr std::uint64_t kHeaderMax = 64 << 10;          // read of an original to find its header section
constexpr std::uint64_t kWholeOriginalMax = 100 << 10;  // returned whole with RET=FULL

using Recipients = std::vector<QueuedRecipient>;

Recipients as_remote(const mail::Address& address) {
  Recipients recipients(1);
  recipients[0].recipient.address = address;
  return recipients;
}

Task<Recipients> resolve_sender(const Queue::Parts& parts, net::Shard& shard, MessagePtr message) {
  mail::Address address = *message->sender.address;
  if (!parts.resolve_sender) co_return as_remote(address);
  auto asking = parts.resolve_sender(shard, message->tenant, address);
  auto resolved = co_await std::move(asking);
  // The directory is away: by its domain the report reaches us again, or the remote server.
  if (!resolved) co_return as_remote(address);
  co_return std::move(*resolved);
}

struct Original {
  std::string text;
  bool is_whole = false;
};

Task<Original> read_original(const Queue::Parts& parts, net::Shard& shard, MessagePtr message, bool is_failure) {
  Original original;
  // RFC 3461 §4.3: RET applies to failure reports; others return the header only.
  original.is_whole =
      is_failure && message->sender.ret == mail::Ret::kFull && message->body.length <= kWholeOriginalMax;
  const std::uint64_t size = original.is_whole ? message->body.length : std::min(kHeaderMax, message->body.length);
  store::Store& store = parts.store;
  OnPool<std::string> reading{parts.pool, shard,
                              [&store, message, size] { return store.read_blob(message->body, 0, size); }};
  auto bytes = co_await reading;
  if (!bytes) {
    parts.log.warning("the original of the report about {} cannot be read: {}", message->id.text(),
                      bytes.error().message);
    original.is_whole = false;  // the report says what matters without it
    co_return original;
  }
  original.text = original.is_whole ? std::move(*bytes) : std::string{mail::header_section(*bytes)};
  co_return original;
}

Notice make_notice(const Queue::Parts& parts, const Message& about, mail::DsnRequest request,
                   const NoticeTerms& terms) {
  request.node_name = parts.node_name;
  request.to = about.sender;
  request.arrived_at = about.queued_at;
  request.now = parts.clock.now();
  const auto id = MessageId::make(parts.clock, parts.random);
  request.unique = id.text();
  mail::DsnText dsn = mail::build_dsn(request);
  Notice notice{.kind = request.kind, .message = {}, .text = {}};
  Message& message = notice.message;
  message.id = id;
  message.tenant = about.tenant;
  message.protocol = "internal";
  message.arrival = about.arrival;  // so that the report leaves on the address that its cause arrived on
  message.sender.is_smtputf8 = dsn.is_smtputf8;
  message.sender.body = dsn.is_8bit ? mail::Body::k8BitMime : mail::Body::k7Bit;
  message.subject = dsn.subject;
  message.message_id = dsn.message_id;
  message.size = dsn.text.size();
  message.queued_at = request.now;
  message.expires_at = terms.expires_at;
  message.epoch = terms.epoch;
  notice.text = std::move(dsn.text);
  return notice;
}

struct Wanted {
  mail::DsnKind kind;
  const std::vector<mail::DsnRecipient>* recipients;
};

}  // namespace

Task<Notices> make_notices(const Queue::Parts& parts, net::Shard& shard, MessagePtr message, Settlement settled,
                           NoticeTerms terms) {
  Notices notices;
  auto resolving = resolve_sender(parts, shard, message);
  Recipients recipients = co_await std::move(resolving);
  if (terms.to == ReportTo::kLocalOnly) {
    std::erase_if(recipients, [](const QueuedRecipient& recipient) { return !recipient.local; });
    if (recipients.empty()) {
      notices.dropped = "no report: the sender is not of this server and may be forged";
      co_return notices;
    }
  }
  if (recipients.empty()) {
    notices.dropped = "no report: the sender's address is unknown here";
    co_return notices;
  }
  auto reading = read_original(parts, shard, message, !settled.failures.empty());
  const Original original = co_await std::move(reading);
  const Wanted kinds[] = {{mail::DsnKind::kFailure, &settled.failures},
                          {mail::DsnKind::kDelay, &settled.delays},
                          {mail::DsnKind::kSuccess, &settled.successes}};
  for (const Wanted& wanted : kinds) {
    if (wanted.recipients->empty()) continue;
    const bool is_whole = original.is_whole && wanted.kind == mail::DsnKind::kFailure;
    mail::DsnRequest request;
    request.kind = wanted.kind;
    request.recipients = *wanted.recipients;
    request.is_whole_original = is_whole;
    request.is_for_mailboxes =
        std::ranges::all_of(recipients, [](const QueuedRecipient& recipient) { return recipient.local.has_value(); });
    request.original =
        is_whole || !original.is_whole ? original.text : std::string{mail::header_section(original.text)};
    Notice notice = make_notice(parts, *message, std::move(request), terms);
    notice.message.recipients = recipients;
    notices.ready.push_back(std::move(notice));
  }
  co_return notices;
}

std::size_t add_message(store::Transaction& transaction, const Message& message,
                        std::unique_ptr<store::BlobWriter> body) {
  const std::size_t blob = transaction.blobs.size();
  transaction.blobs.push_back({std::move(body), body_holders(message)});
  transaction.batch.put_with_blob(store::Family::kQueue, message_key(message.id), message.encode(), blob);
  return blob;
}

}  // namespace bulkhead::queue

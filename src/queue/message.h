// A message in the queue: what is known of it besides its body. Written once at acceptance, then only read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/mail/envelope.h"
#include "src/store/blob_ref.h"

namespace bulkhead::queue {

struct QueuedRecipient {
  mail::Recipient recipient;
  std::optional<AccountId> local;  // delivered to this account's mailbox; nothing: to the domain's remote server
};

// Stands for the feedback address of a tenant among accounts: no account has the id of a tenant.
inline AccountId feedback_mailbox(const TenantId& tenant) {
  return AccountId{tenant.ulid()};
}

struct Message {
  MessageId id;
  TenantId tenant;
  std::optional<AccountId> account;    // who is charged for it: authenticated, or recognised by network
  std::string account_name;            // its address at the time, "" when none
  std::optional<IpAddress> client_ip;  // nothing for what the server makes itself
  std::string protocol;                // smtp submission submissions internal
  SocketAddress arrival;               // the local address that the connection arrived on; kept for ever
  mail::Sender sender;
  std::vector<QueuedRecipient> recipients;
  std::string subject;     // decoded enough to show, at most 200 bytes
  std::string message_id;  // header field, at most 200 bytes
  std::uint64_t size = 0;  // of the body as stored (Received included)
  UtcTime queued_at;
  UtcTime expires_at;
  // The number of the last directive that had been given when its acceptance began; see directive.h.
  std::uint32_t epoch = 0;
  std::optional<UtcTime> not_before;  // accepted over a limit: goes when the limit lets it
  std::string wait_reason;            // which limit, as a sentence; "" without
  store::BlobRef body;

  // Versioned encoding without the body reference, which the committer appends (Batch::put_with_blob).
  std::string encode() const;
  static Result<Message> decode(std::string_view bytes);  // with the reference at the end; kCorrupt otherwise
};
using MessagePtr = std::shared_ptr<const Message>;

}  // namespace bulkhead::queue

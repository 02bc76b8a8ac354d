// Mail at rest: a narrow interface for local delivery; IMAP will widen it.
#pragma once

#include <memory>
#include <string>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"
#include "src/store/store.h"

namespace bulkhead::mailbox {

struct IncomingMessage {
  MessageId id;
  store::BlobRef body;       // the mailbox takes over one of its holders
  std::uint64_t size = 0;
  UtcTime received_at;
  std::string return_path;   // envelope sender, "" for <>
  std::string delivered_to;  // envelope recipient as it was given
};

struct Stored {
  std::string folder;        // "INBOX"
  std::uint32_t uid = 0;
};

struct MailboxUsage {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// Thread-safe.
class Mailboxes {
 public:
  static std::unique_ptr<Mailboxes> make(store::Store& store);
  virtual ~Mailboxes() = default;
  // Adds the rows that store the message to `batch`; it is stored when the caller's commit is. Storing the same
  // message id in the same account twice is impossible: the second call finds it and fails with kExists.
  // kLimit: over `quota_bytes` (0: unlimited). May read from disk once per account.
  virtual Result<Stored> deliver(const AccountId& account, const IncomingMessage& message, std::uint64_t quota_bytes,
                                 store::Batch& batch) = 0;
  virtual Result<MailboxUsage> usage(const AccountId& account) const = 0;  // blocks on disk
};

}  // namespace bulkhead::mailbox

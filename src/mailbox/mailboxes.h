// Mail at rest: a narrow interface for local delivery; IMAP will widen it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"
#include "src/store/store.h"

namespace bulkhead::mailbox {

struct IncomingMessage {
  MessageId id;
  store::BlobRef body;  // the mailbox takes over one of its holders
  std::uint64_t size = 0;
  UtcTime received_at;
  std::string return_path;   // envelope sender, "" for <>
  std::string delivered_to;  // envelope recipient as it was given
};

struct Stored {
  std::string folder;  // "INBOX"
  std::uint32_t uid = 0;
};

// A message at rest.
struct StoredMessage {
  std::uint32_t uid = 0;
  MessageId id;
  store::BlobRef body;
  std::uint64_t size = 0;
  UtcTime received_at;
  std::uint32_t flags = 0;  // none is set at delivery
  std::string return_path;
  std::string delivered_to;
};

// RFC 9051 §2.3.1.1.
struct FolderState {
  std::uint32_t uid_validity = 0;
  std::uint32_t uid_next = 1;  // no message has this UID or a higher one, nor ever had
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
  // Adds the rows that store the message to `batch`; it is stored when the caller's commit is. The batch, or a copy of
  // it, is kept until that commit is over. Storing the same
  // message id in the same account twice is impossible: the second call finds it and fails with kExists.
  // kLimit: over `quota_bytes` (0: unlimited). May read from disk once per account.
  // One message is delivered to one account by one caller at a time (the queue runs one attempt of a delivery).
  virtual Result<Stored> deliver(const AccountId& account, const IncomingMessage& message, std::uint64_t quota_bytes,
                                 store::Batch& batch) = 0;
  virtual Result<MailboxUsage> usage(const AccountId& account) const = 0;  // blocks on disk
  // The bytes of the mailbox as deliveries count them, those under way included: from memory, and without waiting.
  // Nothing for an account that has not been delivered to for long, or while others are at work.
  virtual std::optional<std::uint64_t> known_bytes(const AccountId&) { return {}; }
  // The bytes that are committed. Blocks on disk.
  virtual Result<std::uint64_t> count_bytes(const AccountId& account) const = 0;

  // What is committed, in the order of the UIDs. All block on disk.
  virtual Result<std::vector<StoredMessage>> list(const AccountId& account, const std::string& folder,
                                                  std::uint32_t after_uid, std::size_t limit) const = 0;
  virtual Result<std::optional<StoredMessage>> find(const AccountId& account, const std::string& folder,
                                                    std::uint32_t uid) const = 0;
  // kNotFound before the first delivery.
  virtual Result<FolderState> folder(const AccountId& account, const std::string& folder) const = 0;
};

}  // namespace bulkhead::mailbox

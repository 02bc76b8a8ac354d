#include "src/mailbox/mailboxes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>

#include <fmt/format.h>

#include "src/mailbox/folder_cache.h"
#include "src/mailbox/rows.h"
#include "src/store/encoding.h"

namespace bulkhead::mailbox {

namespace {

using store::Batch;
using store::Family;
using store::Kv;

constexpr std::size_t kShards = 16;
constexpr std::size_t kAccountsPerShard = 4096;
// UIDs are promised in blocks: a bound above them is in the kv before, or together with, the first message of the
// block. A restart goes on at the bound, so that no UID is ever given out twice, not even one whose message is gone.
constexpr std::uint32_t kUidBlock = 16;
constexpr std::uint32_t kUidMax = std::numeric_limits<std::uint32_t>::max() - 2 * kUidBlock;
const std::string kInbox = "INBOX";

std::uint32_t bound_above(std::uint32_t uid) {
  return (uid / kUidBlock + 1) * kUidBlock;
}

class KvMailboxes final : public Mailboxes {
 public:
  explicit KvMailboxes(store::Store& store) : kv_(store.kv()) {}

  Result<Stored> deliver(const AccountId& account, const IncomingMessage& message, std::uint64_t quota_bytes,
                         Batch& batch) override;
  Result<MailboxUsage> usage(const AccountId& account) const override;
  std::optional<std::uint64_t> known_bytes(const AccountId& account) override;
  Result<std::uint64_t> count_bytes(const AccountId& account) const override;
  Result<std::vector<StoredMessage>> list(const AccountId& account, const std::string& folder, std::uint32_t after_uid,
                                          std::size_t limit) const override;
  Result<std::optional<StoredMessage>> find(const AccountId& account, const std::string& folder,
                                            std::uint32_t uid) const override;
  Result<FolderState> folder(const AccountId& account, const std::string& folder) const override;

 private:
  struct Shard {
    std::mutex mutex;
    FolderCache cache{kAccountsPerShard};
  };
  Shard& shard_of(const AccountId& account) { return shards_[std::hash<AccountId>{}(account) % kShards]; }
  Status refuse_second(const std::string& key, const Batch& batch) const;
  Result<FolderCounters*> counters_of(Shard& shard, const AccountId& account);
  Status check_quota(FolderCounters& counters, std::uint64_t size, std::uint64_t quota_bytes) const;
  Status promise_uid(FolderCounters& counters, std::uint32_t uid, Batch& batch) const;
  Status promise_validity(FolderCounters& counters, UtcTime at, Batch& batch) const;
  Result<std::uint32_t> last_uid_below(const std::string& first, const std::string& last) const;
  Result<FolderCounters> load(const AccountId& account, const std::string& folder) const;
  Result<std::uint64_t> counter(const std::string& key) const;
  Result<bool> has(const std::string& key) const;

  const Kv& kv_;
  std::array<Shard, kShards> shards_;
};

Result<bool> KvMailboxes::has(const std::string& key) const {
  const auto value = kv_.get(Family::kMailbox, key);
  if (!value) return fail(value.error());
  return value->has_value();
}

Result<std::uint64_t> KvMailboxes::counter(const std::string& key) const {
  const auto value = kv_.get(Family::kMailbox, key);
  if (!value) return fail(value.error());
  return *value ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, store::decode_counter(**value))) : 0;
}

// The same message for the same account: committed earlier, or added to this very batch for another recipient that
// leads to the same account.
Status KvMailboxes::refuse_second(const std::string& key, const Batch& batch) const {
  const auto stored = has(key);
  if (!stored) return fail(stored.error());
  const auto& operations = batch.operations();
  const bool is_second = *stored || std::any_of(operations.begin(), operations.end(), [&](const auto& operation) {
    return operation.family == Family::kMailbox && operation.key == key;
  });
  if (is_second) return fail(ErrorCode::kExists, "the message is in this mailbox already");
  return {};
}

Result<std::uint32_t> KvMailboxes::last_uid_below(const std::string& first, const std::string& last) const {
  std::uint32_t uid = 0;
  const auto scanned =
      kv_.scan(Family::kMailbox, first, last, Kv::Direction::kReverse, [&](std::string_view key, std::string_view) {
        uid = uid_of_key(key);
        return false;
      });
  if (!scanned) return fail(scanned.error());
  return uid;
}

Result<FolderCounters> KvMailboxes::load(const AccountId& account, const std::string& folder) const {
  constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
  const auto last_uid = last_uid_below(message_key(account, folder, 0), message_key(account, folder, kLast));
  if (!last_uid) return fail(last_uid.error());
  const auto bound = last_uid_below(uid_bound_key(account, folder, 0), uid_bound_key(account, folder, kLast));
  if (!bound) return fail(bound.error());
  const auto validity = kv_.get(Family::kMailbox, validity_key(account, folder));
  if (!validity) return fail(validity.error());
  const auto bytes = counter(byte_count_key(account));
  if (!bytes) return fail(bytes.error());

  FolderCounters counters;
  counters.account = account;
  counters.uid_next = std::max({*last_uid + 1, *bound, std::uint32_t{1}});
  counters.uid_bound_stored = *bound;
  if (*validity && (*validity)->size() == 4) {
    counters.uid_validity = store::load_le<std::uint32_t>((*validity)->data());
    counters.is_validity_stored = true;
  }
  counters.bytes = *bytes;
  return counters;
}

Result<FolderCounters*> KvMailboxes::counters_of(Shard& shard, const AccountId& account) {
  if (auto* const found = shard.cache.find(account)) return found;
  auto loaded = load(account, kInbox);
  if (!loaded) return fail(loaded.error());
  return &shard.cache.insert(std::move(*loaded));
}

Status KvMailboxes::check_quota(FolderCounters& counters, std::uint64_t size, std::uint64_t quota_bytes) const {
  if (quota_bytes == 0 || (size <= quota_bytes && counters.bytes <= quota_bytes - size)) return {};
  // The count in memory may hold deliveries that were never committed: nobody is refused because of those.
  const auto committed = counter(byte_count_key(counters.account));
  if (!committed) return fail(committed.error());
  counters.bytes = *committed;
  if (size <= quota_bytes && counters.bytes <= quota_bytes - size) return {};
  return fail(ErrorCode::kLimit, fmt::format("the mailbox is full: {} of {} bytes are used, the message has {}",
                                             counters.bytes, quota_bytes, size));
}

Status KvMailboxes::promise_uid(FolderCounters& counters, std::uint32_t uid, Batch& batch) const {
  const std::uint32_t bound = bound_above(uid);
  if (bound <= counters.uid_bound_stored) return {};
  // Again with each delivery until one that carried it is seen to be committed: any of them may fail.
  const std::string key = uid_bound_key(counters.account, kInbox, bound);
  const auto is_stored = has(key);
  if (!is_stored) return fail(is_stored.error());
  if (*is_stored) {
    counters.uid_bound_stored = bound;
    return {};
  }
  batch.put(Family::kMailbox, key, {});
  if (counters.uid_bound_stored != 0) {
    batch.remove(Family::kMailbox, uid_bound_key(counters.account, kInbox, counters.uid_bound_stored));
  }
  return {};
}

Status KvMailboxes::promise_validity(FolderCounters& counters, UtcTime at, Batch& batch) const {
  if (counters.is_validity_stored) return {};
  const std::string key = validity_key(counters.account, kInbox);
  const auto is_stored = has(key);
  if (!is_stored) return fail(is_stored.error());
  if (*is_stored) {
    counters.is_validity_stored = true;
    return {};
  }
  if (counters.uid_validity == 0) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    counters.uid_validity = std::max(std::uint32_t{1}, static_cast<std::uint32_t>(seconds));
  }
  std::string value;
  store::append_le<std::uint32_t>(value, counters.uid_validity);
  batch.put(Family::kMailbox, key, std::move(value));
  return {};
}

Result<Stored> KvMailboxes::deliver(const AccountId& account, const IncomingMessage& message, std::uint64_t quota_bytes,
                                    Batch& batch) {
  const std::string once = delivered_key(account, message.id);
  if (const auto first = refuse_second(once, batch); !first) return fail(first.error());

  Batch rows;
  Stored stored{kInbox, 0};
  {
    Shard& shard = shard_of(account);
    const std::lock_guard lock{shard.mutex};
    const auto found = counters_of(shard, account);
    if (!found) return fail(found.error());
    FolderCounters& counters = **found;
    if (counters.uid_next >= kUidMax) return fail(ErrorCode::kLimit, "the folder has given out all its UIDs");
    auto status = check_quota(counters, message.size, quota_bytes);
    if (status) status = promise_uid(counters, counters.uid_next, rows);
    if (status) status = promise_validity(counters, message.received_at, rows);
    if (!status) return fail(status.error());
    stored.uid = counters.uid_next++;
    counters.bytes += message.size;
    rows.hold(counters.pin);
  }
  rows.put(Family::kMailbox, message_key(account, kInbox, stored.uid), encode_message(message));
  rows.put(Family::kMailbox, once, encode_stored(stored));
  rows.add(Family::kMailbox, message_count_key(account), 1);
  rows.add(Family::kMailbox, byte_count_key(account), static_cast<std::int64_t>(message.size));
  batch.append(std::move(rows));
  return stored;
}

Result<MailboxUsage> KvMailboxes::usage(const AccountId& account) const {
  const auto messages = counter(message_count_key(account));
  if (!messages) return fail(messages.error());
  const auto bytes = counter(byte_count_key(account));
  if (!bytes) return fail(bytes.error());
  return MailboxUsage{*messages, *bytes};
}

std::optional<std::uint64_t> KvMailboxes::known_bytes(const AccountId& account) {
  Shard& shard = shard_of(account);
  // Who holds it may be reading from the disk, and nobody on an event loop waits for that.
  const std::unique_lock lock{shard.mutex, std::try_to_lock};
  const FolderCounters* const found = lock ? shard.cache.find(account) : nullptr;
  return found == nullptr ? std::nullopt : std::optional{found->bytes};
}

Result<std::uint64_t> KvMailboxes::count_bytes(const AccountId& account) const {
  return counter(byte_count_key(account));
}

tl::unexpected<Error> unreadable_row(std::uint32_t uid) {
  return fail(ErrorCode::kCorrupt, fmt::format("the row of the message with UID {} cannot be read", uid));
}

Result<std::vector<StoredMessage>> KvMailboxes::list(const AccountId& account, const std::string& folder,
                                                     std::uint32_t after_uid, std::size_t limit) const {
  constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
  std::vector<StoredMessage> messages;
  std::optional<std::uint32_t> unreadable;
  if (limit == 0 || after_uid == kLast) return messages;
  const auto visit = [&](std::string_view key, std::string_view value) {
    auto message = decode_message(uid_of_key(key), value);
    if (message) {
      messages.push_back(std::move(*message));
    } else {
      unreadable = uid_of_key(key);
    }
    return !unreadable && messages.size() < limit;
  };
  const auto scanned = kv_.scan(Family::kMailbox, message_key(account, folder, after_uid + 1),
                                message_key(account, folder, kLast), Kv::Direction::kForward, visit);
  if (!scanned) return fail(scanned.error());
  if (unreadable) return unreadable_row(*unreadable);
  return messages;
}

Result<std::optional<StoredMessage>> KvMailboxes::find(const AccountId& account, const std::string& folder,
                                                       std::uint32_t uid) const {
  const auto value = kv_.get(Family::kMailbox, message_key(account, folder, uid));
  if (!value) return fail(value.error());
  if (!*value) return std::nullopt;
  auto message = decode_message(uid, **value);
  if (!message) return unreadable_row(uid);
  return message;
}

Result<FolderState> KvMailboxes::folder(const AccountId& account, const std::string& folder) const {
  const auto loaded = load(account, folder);
  if (!loaded) return fail(loaded.error());
  if (!loaded->is_validity_stored) return fail(ErrorCode::kNotFound, "there is no such folder");
  return FolderState{loaded->uid_validity, loaded->uid_next};
}

}  // namespace

std::unique_ptr<Mailboxes> Mailboxes::make(store::Store& store) {
  return std::make_unique<KvMailboxes>(store);
}

}  // namespace bulkhead::mailbox

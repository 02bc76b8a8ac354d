// What deliveries need to know of a folder, in memory: the next UID, UIDVALIDITY, and how full the account is.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "src/mailbox/mailboxes.h"

namespace bulkhead::mailbox {

struct FolderCounters {
  AccountId account;
  std::uint32_t uid_next = 1;
  std::uint32_t uid_bound_stored = 0;  // the highest bound that is known to be committed
  std::uint32_t uid_validity = 0;      // 0: none yet
  bool is_validity_stored = false;     // known to be committed
  std::uint64_t bytes = 0;             // including deliveries whose commit is under way, or has failed
  // Held by the batches of deliveries that are not settled yet.
  std::shared_ptr<const void> pin{};
};

// Bounded, least recently used first. Not thread-safe. One folder an account ("INBOX") is delivered to.
//
// Forgetting an account whose delivery is still being committed would give out a UID twice: one whose pin a batch holds
// stays, and the cache is larger than its capacity for as long as it must.
class FolderCache {
 public:
  explicit FolderCache(std::size_t capacity) : capacity_(capacity) {}
  // Valid until the next insert.
  FolderCounters* find(const AccountId& account);
  FolderCounters& insert(FolderCounters counters);
  std::size_t size() const { return order_.size(); }

 private:
  void make_room();

  const std::size_t capacity_;
  std::list<FolderCounters> order_;  // the most recently used first
  std::unordered_map<AccountId, std::list<FolderCounters>::iterator> index_;
};

}  // namespace bulkhead::mailbox

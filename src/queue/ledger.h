// Which messages with several deliveries still have how many of them. Lives on the message's owner shard (a hash of
// its id), so that deliveries whose lanes live on different shards agree on who is the last: that one removes the
// message. A message with a single delivery, which is nearly every message, has no entry. Not thread-safe.
//
// Commits that concern one such message take turns: whether "nobody else is pending" holds when the last one's
// commit is written would otherwise depend on a commit that may still fail.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "src/base/id.h"
#include "src/net/shard.h"
#include "src/queue/attributes.h"

namespace bulkhead::queue {

class MessageLedger {
 public:
  explicit MessageLedger(net::Shard& shard) : shard_(shard) {}

  struct Entry {
    std::uint32_t pending = 0;                     // deliveries that have not ended
    std::vector<std::uint16_t> records;            // indexes with a 'd' record
    bool is_taken = false;                         // somebody's commit is under way
    std::vector<std::coroutine_handle<>> waiting;  // few: one for each delivery that ends meanwhile
    std::array<AttributeRef, 4> counted{};         // the rows that count the message

    void note_record(std::uint16_t index);
  };

  void open(const MessageId& id, std::uint32_t pending, std::vector<std::uint16_t> records,
            std::array<AttributeRef, 4> counted = {});
  Entry* find(const MessageId& id);
  std::size_t size() const { return entries_.size(); }

  // Awaited on the owner shard: continues when it is the caller's turn. release() passes the turn on.
  class Turn {
   public:
    Turn(MessageLedger& ledger, const MessageId& id) : ledger_(ledger), id_(id) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const {}

   private:
    MessageLedger& ledger_;
    const MessageId id_;
  };
  void release(const MessageId& id);
  void close(const MessageId& id) { entries_.erase(id); }  // the last delivery has ended; nobody waits

 private:
  net::Shard& shard_;
  std::unordered_map<MessageId, Entry> entries_;
};

}  // namespace bulkhead::queue

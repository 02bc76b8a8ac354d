#include "src/queue/ledger.h"

#include <algorithm>

#include "src/base/check.h"

namespace bulkhead::queue {

void MessageLedger::Entry::note_record(std::uint16_t index) {
  if (std::find(records.begin(), records.end(), index) == records.end()) records.push_back(index);
}

void MessageLedger::open(const MessageId& id, std::uint32_t pending, std::vector<std::uint16_t> records,
                         std::array<AttributeRef, 4> counted) {
  Entry entry;
  entry.pending = pending;
  entry.records = std::move(records);
  entry.counted = counted;
  const bool is_new = entries_.emplace(id, std::move(entry)).second;
  BULKHEAD_CHECK(is_new);
}

MessageLedger::Entry* MessageLedger::find(const MessageId& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

bool MessageLedger::Turn::await_ready() {
  Entry* entry = ledger_.find(id_);
  BULKHEAD_CHECK(entry != nullptr);
  if (entry->is_taken) return false;
  entry->is_taken = true;
  return true;
}

void MessageLedger::Turn::await_suspend(std::coroutine_handle<> waiting) {
  ledger_.find(id_)->waiting.push_back(waiting);
}

void MessageLedger::release(const MessageId& id) {
  Entry* entry = find(id);
  if (entry == nullptr) return;
  if (entry->waiting.empty()) {
    entry->is_taken = false;
    return;
  }
  const auto next = entry->waiting.front();
  entry->waiting.erase(entry->waiting.begin());
  shard_.post([next] { next.resume(); });  // it stays taken, by the next one
}

}  // namespace bulkhead::queue

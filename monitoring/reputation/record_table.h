// The records of one kind of key, at most so many.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "monitoring/reputation/key.h"
#include "monitoring/reputation/record.h"

namespace bulkhead::reputation {

// Not thread-safe. A reference to a record holds until the next at() or insert() of this table.
class RecordTable {
 public:
  // Who had to make room.
  struct Evicted {
    Key key;
    State state = State::kNormal;
  };
  explicit RecordTable(std::size_t size_max) : size_max_(size_max) {}

  Record* find(const Key& key);
  const Record* find(const Key& key) const;
  // The record, made when there is none. When the table is full, the least interesting of a few that stand next in turn
  // makes room, and its key is put into `evicted`. A key in a state other than normal goes only when all those few are.
  Record& at(const Key& key, UtcTime now, std::vector<Evicted>& evicted);
  void visit(const std::function<void(const Key&, const Record&)>& visitor) const;
  std::size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    Key key;
    Record record;
  };
  void evict(UtcTime now, std::vector<Evicted>& evicted);

  std::size_t size_max_;
  std::size_t hand_ = 0;  // where the next look for somebody to go begins
  std::vector<Slot> slots_;
  std::unordered_map<Key, std::size_t, KeyHash> index_;
};

}  // namespace bulkhead::reputation

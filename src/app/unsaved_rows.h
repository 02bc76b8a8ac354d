// Rows whose commit has not succeeded yet: of each key the latest state, so many at most.
#pragma once

#include <map>
#include <string>
#include <utility>

namespace bulkhead::app {

// Whoever has more changes than there is room keeps them until these are stored: nothing is dropped.
template <class Key>
class UnsavedRows {
 public:
  explicit UnsavedRows(std::size_t most) : most_(most) {}

  std::size_t room() const { return rows_.size() >= most_ ? 0 : most_ - rows_.size(); }
  void put(Key key, std::string value) { rows_.insert_or_assign(std::move(key), std::move(value)); }
  const std::map<Key, std::string>& rows() const { return rows_; }
  void stored() { rows_.clear(); }

 private:
  std::size_t most_;
  std::map<Key, std::string> rows_;  // no value: to be removed
};

}  // namespace bulkhead::app

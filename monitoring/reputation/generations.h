// A table that forgets: bounded in size and age, without a list to keep.
#pragma once

#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "src/base/clock.h"

namespace bulkhead::reputation {

// Not thread-safe. Two generations; the older is forgotten whole when the younger is full or has reached its age. So
// what is used is kept for that age at least, unless more than `size_max` others were used since.
template <class Value>
class Generations {
 public:
  Generations(std::size_t size_max, std::chrono::seconds age) : size_max_(size_max), age_(age) {}

  // Made when there is none. The reference holds until the next call.
  Value& at(std::uint64_t key, UtcTime now) {
    if (younger_.size() >= size_max_ || now - began_ >= age_) {
      older_ = std::exchange(younger_, {});
      began_ = now;
    }
    const auto [place, is_new] = younger_.try_emplace(key);
    if (!is_new) return place->second;
    if (const auto before = older_.find(key); before != older_.end()) {
      place->second = std::move(before->second);
      older_.erase(before);
    }
    return place->second;
  }
  // nullptr when there is none.
  const Value* find(std::uint64_t key) const {
    for (const auto* generation : {&younger_, &older_}) {
      if (const auto found = generation->find(key); found != generation->end()) return &found->second;
    }
    return nullptr;
  }
  std::size_t size() const { return younger_.size() + older_.size(); }

 private:
  std::size_t size_max_;
  std::chrono::seconds age_;
  UtcTime began_{};
  std::unordered_map<std::uint64_t, Value> younger_, older_;
};

}  // namespace bulkhead::reputation

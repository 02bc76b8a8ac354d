// How often each rule decided, and how often one in shadow would have.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "monitoring/replies/rule_set.h"

namespace bulkhead::replies {

// Not thread-safe. Bounded by the number of rules that were ever in force, at most kNamesMax.
class RuleTally {
 public:
  struct Counts {
    std::uint64_t decided = 0;
    std::uint64_t shadowed = 0;
  };
  static constexpr std::size_t kNamesMax = 4000;

  void add(const Classification& classification);
  const std::map<std::string, Counts, std::less<>>& counts() const { return counts_; }

 private:
  Counts* find(const std::string& name);

  std::map<std::string, Counts, std::less<>> counts_;
};

}  // namespace bulkhead::replies

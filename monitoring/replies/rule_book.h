// The rules that are in force, replaced as a whole while the program runs.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "monitoring/replies/rule_set.h"
#include "src/base/result.h"

namespace bulkhead::replies {

// Thread-safe. A reader takes current() once a reply, or once a connection, and keeps what it got.
class RuleBook {
 public:
  // Begins with the rules that the program ships.
  RuleBook();

  std::shared_ptr<const RuleSet> current() const { return current_.load(); }

  // Puts the rules of `text` into force. A text with any fault is refused whole, kInvalid with the faults one a line,
  // and what was in force stays. Checking takes some tens of milliseconds: call it where blocking is allowed.
  Status replace(std::string_view text);

 private:
  std::atomic<std::shared_ptr<const RuleSet>> current_;
};

// The text of the rules that the program was built with.
std::string_view shipped_rules();

}  // namespace bulkhead::replies

#include "monitoring/replies/rule_book.h"

#include <string>

#include <fmt/format.h>

#include "src/base/check.h"

namespace bulkhead::replies {

RuleBook::RuleBook() {
  auto shipped = RuleSet::parse(shipped_rules());
  BULKHEAD_CHECK(shipped.has_value());
  current_.store(std::move(*shipped));
}

Status RuleBook::replace(std::string_view text) {
  auto set = RuleSet::parse(text);
  if (set) {
    current_.store(std::move(*set));
    return {};
  }
  std::string message = fmt::format("the rules are refused, {} fault(s)", set.error().size());
  for (const auto& fault : set.error()) message += "\n" + fault.text();
  return fail(ErrorCode::kInvalid, std::move(message), "mend the lines named; the rules that were in force stay");
}

}  // namespace bulkhead::replies

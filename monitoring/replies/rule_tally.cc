#include "monitoring/replies/rule_tally.h"

namespace bulkhead::replies {

RuleTally::Counts* RuleTally::find(const std::string& name) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) return &found->second;
  return counts_.size() < kNamesMax ? &counts_[name] : nullptr;
}

void RuleTally::add(const Classification& classification) {
  if (classification.is_known()) {
    if (Counts* const counts = find(classification.rule)) ++counts->decided;
  }
  for (const auto& name : classification.shadow) {
    if (Counts* const counts = find(name)) ++counts->shadowed;
  }
}

}  // namespace bulkhead::replies

// Reads the text of a rules' file. Form only: whether the rules make sense together is rule_set's to say.
#pragma once

#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "monitoring/replies/rule.h"

namespace bulkhead::replies {

inline constexpr std::size_t kRuleFileSizeMax = 1U << 20;
inline constexpr std::size_t kRulesMax = 2000;
inline constexpr std::size_t kFaultsMax = 50;  // how many are reported at most

// The file's stanzas in their order, or what is wrong with it, line by line. Never throws, whatever the text.
tl::expected<RuleFile, std::vector<RuleFault>> read_rules(std::string_view text);

}  // namespace bulkhead::replies

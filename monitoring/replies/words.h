// Words of a line of the rules' file, and the values that are written as words.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "monitoring/replies/rule.h"

namespace bulkhead::replies {

std::string_view trimmed(std::string_view text);
// The first word, which is taken from the front of `rest` with the white space after it.
std::string_view take_word(std::string_view& rest);
std::vector<std::string_view> words_of(std::string_view text);

// Lower-case letters, digits and inner hyphens, at most 64.
bool is_name(std::string_view text);
// Labels of letters, digits and hyphens, at least two of them.
bool is_domain(std::string_view text);

std::optional<int> parse_code(std::string_view text);  // 200 to 599, three digits
std::optional<CodeRange> parse_code_range(std::string_view text);
std::optional<EnhancedRange> parse_enhanced_range(std::string_view text);

}  // namespace bulkhead::replies

#include "monitoring/replies/pattern_check.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <re2/re2.h>

namespace bulkhead::replies {

namespace {

constexpr std::array<std::string_view, 4> kGroups{"address", "zone", "retry", "unit"};

// Gaps of any length: each multiplies the states that a match may be in.
int count_gaps(std::string_view pattern) {
  int gaps = 0;
  for (std::size_t at = 0; (at = pattern.find_first_of("*+", at)) != std::string_view::npos; ++at) {
    if (at > 0 && pattern[at - 1] == '.' && (at < 2 || pattern[at - 2] != '\\')) ++gaps;
  }
  return gaps;
}

}  // namespace

std::optional<std::string> complaint_about(const std::string& pattern, const re2::RE2& compiled) {
  if (pattern.size() > kPatternSizeMax) {
    return fmt::format("the pattern has {} octets, at most {} are allowed", pattern.size(), kPatternSizeMax);
  }
  if (!compiled.ok()) return fmt::format("the pattern is not right: {}", compiled.error());
  if (compiled.ProgramSize() > kProgramSizeMax) {
    return fmt::format(
        "the pattern is expensive: {} steps, at most {} are allowed; use fewer or smaller counted repeats",
        compiled.ProgramSize(), kProgramSizeMax);
  }
  if (count_gaps(pattern) > kUnboundedGapsMax) {
    return fmt::format("the pattern is expensive: more than {} gaps of any length", kUnboundedGapsMax);
  }
  if (pattern.starts_with(".*") || pattern.ends_with(".*")) {
    return "the pattern is found anywhere: '.*' at its begin or end only costs time";
  }
  if (re2::RE2::PartialMatch("", compiled)) return "the pattern matches a reply without text";
  for (const auto& [group, index] : compiled.NamedCapturingGroups()) {
    if (std::find(kGroups.begin(), kGroups.end(), group) == kGroups.end()) {
      return fmt::format("the group '{}' means nothing: expected address, zone, retry or unit", group);
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::replies

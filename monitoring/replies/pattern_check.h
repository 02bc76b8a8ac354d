// Which patterns a rule may have.
#pragma once

#include <optional>
#include <string>

namespace re2 {
class RE2;
}

namespace bulkhead::replies {

inline constexpr std::size_t kPatternSizeMax = 1000;
// Instructions of the compiled pattern: counted repeats multiply, and this is where it shows.
inline constexpr int kProgramSizeMax = 2500;
inline constexpr int kUnboundedGapsMax = 6;

// What is wrong with a pattern, as a sentence; nothing when it may be used.
std::optional<std::string> complaint_about(const std::string& pattern, const re2::RE2& compiled);

}  // namespace bulkhead::replies

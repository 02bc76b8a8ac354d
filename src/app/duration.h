// Durations as people write them: a number and a unit, "90s", "15m", "4h", "5d".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::app {

// Units s, m, h, d; at most ten years; nothing for anything else.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
// The shortest exact form.
std::string to_text(std::chrono::seconds duration);

}  // namespace bulkhead::app

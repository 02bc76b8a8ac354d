#include "src/app/duration.h"

#include <array>
#include <charconv>

namespace bulkhead::app {

namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array kUnits{Unit{'d', 86400}, Unit{'h', 3600}, Unit{'m', 60}, Unit{'s', 1}};
constexpr std::int64_t kSecondsMax = 10LL * 366 * 86400;

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0 || end + 1 != text.data() + text.size()) return std::nullopt;
  for (const auto& unit : kUnits) {
    if (unit.letter != *end) continue;
    if (number > kSecondsMax / unit.seconds) return std::nullopt;
    return std::chrono::seconds{number * unit.seconds};
  }
  return std::nullopt;
}

std::string to_text(std::chrono::seconds duration) {
  for (const auto& unit : kUnits) {
    if (duration.count() != 0 && duration.count() % unit.seconds == 0) {
      return std::to_string(duration.count() / unit.seconds) + unit.letter;
    }
  }
  return std::to_string(duration.count()) + "s";
}

}  // namespace bulkhead::app

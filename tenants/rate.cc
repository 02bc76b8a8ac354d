#include "tenants/rate.h"

#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "src/base/log.h"

namespace bulkhead::tenants {

namespace {

constexpr std::size_t kTextSizeMax = 64;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

struct Unit {
  char letter;
  std::uint64_t factor;
};
constexpr std::array kMultiples{Unit{'T', 1ULL << 40}, Unit{'G', 1ULL << 30}, Unit{'M', 1ULL << 20},
                                Unit{'K', 1ULL << 10}};
constexpr std::array kTimes{Unit{'w', 604800}, Unit{'d', 86400}, Unit{'h', 3600}, Unit{'m', 60}, Unit{'s', 1}};

tl::unexpected<Error> refused(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no rate: {}", escape_controls(text, kTextSizeMax), why),
              "write 500/1h, 20/1s, 500/1h burst 50, 10G/1d or none");
}

// A number with an optional multiple at its end. `error` says why there is none.
struct Number {
  std::uint64_t value = 0;
  std::string_view error;
};
Number parse_count(std::string_view text) {
  std::uint64_t factor = 1;
  if (!text.empty()) {
    for (const auto& unit : kMultiples) {
      if (text.back() == unit.letter || text.back() == unit.letter + ('a' - 'A')) factor = unit.factor;
    }
  }
  if (factor != 1) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return {0, "the number is too large"};
  if (error != std::errc{} || end != text.data() + text.size()) return {0, "a whole number is expected"};
  if (value == 0) return {0, "zero would stop everything: suspend the account or tenant instead"};
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) {
    return {0, "the number is too large"};
  }
  return {value * factor, {}};
}

Number parse_period(std::string_view text) {
  if (text.empty()) return {0, "the time is missing"};
  std::uint64_t factor = 0;
  for (const auto& unit : kTimes) {
    if (text.back() == unit.letter) factor = unit.factor;
  }
  if (factor == 0) return {0, "the unit of time must be s, m, h, d or w"};
  text.remove_suffix(1);
  std::uint64_t value = text.empty() ? 1 : 0;
  if (!text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return {0, "the time is too long"};
    if (error != std::errc{} || end != text.data() + text.size()) return {0, "a whole number of units is expected"};
  }
  if (value == 0) return {0, "a time of zero has no rate"};
  if (value > static_cast<std::uint64_t>(Rate::kPeriodMax.count()) / factor) return {0, "at most 366 days"};
  return {value * factor, {}};
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Whether the burst, at the rate, comes back within the longest period.
bool is_burst_bounded(const Rate& rate) {
  const auto seconds = static_cast<long double>(rate.burst) / static_cast<long double>(rate.count) *
                       static_cast<long double>(rate.period.count());
  return seconds <= static_cast<long double>(Rate::kPeriodMax.count());
}

std::string count_text(std::uint64_t count) {
  for (const auto& unit : kMultiples) {
    if (count % unit.factor == 0) return fmt::format("{}{}", count / unit.factor, unit.letter);
  }
  return fmt::format("{}", count);
}

std::string period_text(std::chrono::seconds period) {
  const auto seconds = static_cast<std::uint64_t>(period.count());
  for (const auto& unit : kTimes) {
    // Weeks are read, and shown as the days that people count in.
    if (unit.letter != 'w' && seconds % unit.factor == 0)
      return fmt::format("{}{}", seconds / unit.factor, unit.letter);
  }
  return fmt::format("{}s", seconds);
}

}  // namespace

Result<Rate> Rate::parse(std::string_view given) {
  if (given.size() > kTextSizeMax) return refused(given, "it is too long");
  const auto text = trim(given);
  if (text == "none") return unlimited();
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return refused(given, "a count, a slash and a time are expected");
  const auto rest = text.substr(slash + 1);
  const auto word = rest.find(" burst ");
  const auto count = parse_count(trim(text.substr(0, slash)));
  if (!count.error.empty()) return refused(given, count.error);
  const auto period = parse_period(trim(rest.substr(0, word)));
  if (!period.error.empty()) return refused(given, period.error);
  Rate rate{count.value, std::chrono::seconds{period.value}, count.value};
  if (rate.count > period.value * kNanosecondsPerSecond) {
    return refused(given, "more than one a nanosecond is beyond counting");
  }
  if (word == std::string_view::npos) return rate;
  const auto burst = parse_count(trim(rest.substr(word + 7)));
  if (!burst.error.empty()) return refused(given, burst.error);
  rate.burst = burst.value;
  if (!is_burst_bounded(rate)) return refused(given, "the burst would take more than 366 days to come back");
  return rate;
}

std::string Rate::text() const {
  if (is_unlimited()) return "none";
  auto text = fmt::format("{}/{}", count_text(count), period_text(period));
  if (burst != count) text += fmt::format(" burst {}", count_text(burst));
  return text;
}

}  // namespace bulkhead::tenants

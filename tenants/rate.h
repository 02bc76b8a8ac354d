// A rate as an operator writes it: so many in such a time, perhaps with a smaller or larger burst. Plain value.
//
//   500/1h              at most 500 at once, coming back evenly over an hour
//   500/1h burst 50     at most 50 at once, coming back at the rate of 500 an hour
//   10G/1d              bytes: K, M, G and T are powers of 1024
//   none                no limit
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace bulkhead::tenants {

struct Rate {
  std::uint64_t count = 0;  // 0: no limit
  std::chrono::seconds period{1};
  std::uint64_t burst = 0;  // how many may go at once after a silence; `count` unless something else was said

  // Units s, m, h, d, w; "1h" and "h" are the same. kInvalid says what is wrong: a count or a time of zero, an unknown
  // unit, more than one a nanosecond, a period above kPeriodMax, a burst that takes longer than that to come back.
  static Result<Rate> parse(std::string_view text);
  static Rate unlimited() { return {}; }

  bool is_unlimited() const { return count == 0; }
  std::string text() const;  // as parse() reads it; the shortest exact form
  auto operator<=>(const Rate&) const = default;

  static constexpr std::chrono::seconds kPeriodMax = std::chrono::hours{24 * 366};
};

}  // namespace bulkhead::tenants

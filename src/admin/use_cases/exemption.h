// What is kept of an exemption besides its end: why, who gave or ended it, and when, as one text that people can read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/clock.h"

namespace bulkhead::admin {

struct Exemption {
  std::string reason;
  std::string by;  // "" when nobody knows
  std::optional<UtcTime> at;
  bool is_end = false;
};

// "annual mailing (given by operator root at 2026-11-23T18:00:00Z)", at most `size_max` octets: a long reason is cut.
std::string to_text(const Exemption& exemption, std::size_t size_max);
// The same back; what does not end like that is all reason.
Exemption parse_exemption(std::string_view text);

}  // namespace bulkhead::admin

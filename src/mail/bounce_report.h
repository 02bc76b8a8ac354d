// Bounces that come back after the other server had taken the message (RFC 3464).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/mail/report.h"

namespace bulkhead::mail {

struct BouncedRecipient {
  std::string address;           // Final-Recipient
  std::string original_address;  // Original-Recipient; "" when it is not told
  std::string action;            // lower case: "failed", "delayed" …
  std::string status;            // "5.1.1"
  std::string diagnostic;        // what the last server said, without its type
};

struct BounceReport {
  static constexpr std::size_t kRecipientsMax = 100;
  std::string reporting_mta;
  std::vector<BouncedRecipient> recipients;
  ReportedOriginal original;
};

// kInvalid when it is no such report, with why. Pure, bounded.
Result<BounceReport> parse_bounce(std::string_view message);
Result<BounceReport> bounce_in(const Report& report);

}  // namespace bulkhead::mail

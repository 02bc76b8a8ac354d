// Complaints about mail in the Abuse Reporting Format (RFC 5965, RFC 6430, RFC 6591).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/mail/report.h"

namespace bulkhead::mail {

struct Complaint {
  static constexpr std::size_t kRecipientsMax = 20;
  std::string feedback_type;            // lower case: "abuse", "fraud", "not-spam" …
  std::string user_agent;               // of the reporter
  std::vector<std::string> recipients;  // Original-Rcpt-To; empty where the reporter hides them
  ReportedOriginal original;

  // Whether it says that the message was unwanted; "not-spam" and reports of authentication do not.
  bool is_against() const;
};

// kInvalid when it is no such report, with why. Pure, bounded.
Result<Complaint> parse_complaint(std::string_view message);
Result<Complaint> complaint_in(const Report& report);

}  // namespace bulkhead::mail

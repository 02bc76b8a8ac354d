// Reads multipart/report messages (RFC 6522): what complaints (arf.h) and bounces (bounce_report.h) share.
//
// For messages of strangers: every count and size is bounded, what goes beyond is left out, nothing throws. It reads
// what reports are made of, not MIME at large: one level of parts, their types and transfer encodings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/id.h"
#include "src/base/result.h"

namespace bulkhead::mail {

struct HeaderField {
  std::string name;  // lower case
  std::string body;  // unfolded, trimmed, at most kBodyMax octets
  static constexpr std::size_t kBodyMax = 2000;
};
// The fields of a header section, up to its empty line or end; at most `most`. What is no field is skipped.
std::vector<HeaderField> header_fields(std::string_view section, std::size_t most = 500);
// The first one; "" when there is none.
std::string_view body_of(const std::vector<HeaderField>& fields, std::string_view name);

struct ReportPart {
  std::string type;     // lower case: "message/feedback-report"
  std::string content;  // its transfer encoding undone
};
struct Report {
  static constexpr std::size_t kMessageMax = 512 * 1024;  // octets of a message that are looked at
  static constexpr std::size_t kPartsMax = 10;
  std::string type;  // the parameter report-type, lower case: "feedback-report"
  std::vector<ReportPart> parts;
  // The first part of one of these types; null when there is none.
  const ReportPart* part(std::initializer_list<std::string_view> types) const;
};
// kInvalid when the message is no multipart/report, with why.
Result<Report> parse_report(std::string_view message);

// What a report attaches of the message that it is about.
struct ReportedOriginal {
  static constexpr std::size_t kIdsMax = 10;
  std::vector<MessageId> ids;  // that Received fields name, the newest field first: ours is among them if it was ours
  std::string message_id;      // the field Message-ID
};
ReportedOriginal original_of(const Report& report);

// An address out of "rfc822; user@host", "<user@host>": as it is written there, at most 320 octets.
std::string address_in(std::string_view text);

}  // namespace bulkhead::mail

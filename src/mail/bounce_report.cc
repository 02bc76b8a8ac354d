#include "src/mail/bounce_report.h"

#include <algorithm>

namespace bulkhead::mail {

namespace {

constexpr std::size_t kGroupsMax = BounceReport::kRecipientsMax + 1;

// Groups of fields, separated by empty lines: the first is about the message, the others about one recipient each.
std::vector<std::vector<HeaderField>> groups_of(std::string_view text) {
  std::vector<std::vector<HeaderField>> groups;
  while (!text.empty() && groups.size() < kGroupsMax) {
    const auto crlf = text.find("\r\n\r\n");
    const auto lf = text.find("\n\n");
    const bool is_crlf = crlf != std::string_view::npos && (lf == std::string_view::npos || crlf < lf);
    const auto end = std::min(is_crlf ? crlf + 2 : lf, text.size());
    auto fields = header_fields(text.substr(0, end), 50);
    if (!fields.empty()) groups.push_back(std::move(fields));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  }
  return groups;
}

// "smtp; 550 no such user" without its type.
std::string diagnostic_in(std::string_view text) {
  const auto semicolon = text.find(';');
  if (semicolon != std::string_view::npos && semicolon < 20) text.remove_prefix(semicolon + 1);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return std::string{text.substr(0, 500)};
}

BouncedRecipient recipient_of(const std::vector<HeaderField>& fields) {
  BouncedRecipient recipient;
  recipient.address = address_in(body_of(fields, "final-recipient"));
  recipient.original_address = address_in(body_of(fields, "original-recipient"));
  for (const char c : body_of(fields, "action").substr(0, 20)) {
    recipient.action += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const auto status = body_of(fields, "status");
  recipient.status = status.substr(0, std::min<std::size_t>(status.find_first_not_of("0123456789."), 12));
  recipient.diagnostic = diagnostic_in(body_of(fields, "diagnostic-code"));
  return recipient;
}

}  // namespace

Result<BounceReport> bounce_in(const Report& report) {
  const auto* part = report.part({"message/delivery-status", "message/global-delivery-status"});
  if (part == nullptr) return fail(ErrorCode::kInvalid, "it has no message/delivery-status");
  BounceReport bounce;
  for (const auto& fields : groups_of(part->content)) {
    if (body_of(fields, "final-recipient").empty()) {
      if (bounce.reporting_mta.empty()) bounce.reporting_mta = address_in(body_of(fields, "reporting-mta"));
      continue;
    }
    bounce.recipients.push_back(recipient_of(fields));
  }
  if (bounce.recipients.empty()) return fail(ErrorCode::kInvalid, "it names no Final-Recipient");
  bounce.original = original_of(report);
  return bounce;
}

Result<BounceReport> parse_bounce(std::string_view message) {
  const auto report = parse_report(message);
  if (!report) return fail(report.error());
  return bounce_in(*report);
}

}  // namespace bulkhead::mail

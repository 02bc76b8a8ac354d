#include "src/mail/arf.h"

#include <algorithm>
#include <array>

namespace bulkhead::mail {

bool Complaint::is_against() const {
  constexpr std::array<std::string_view, 5> kTypes{"abuse", "fraud", "virus", "other", "opt-out"};
  return std::find(kTypes.begin(), kTypes.end(), feedback_type) != kTypes.end();
}

Result<Complaint> complaint_in(const Report& report) {
  const auto* part = report.part({"message/feedback-report"});
  if (part == nullptr) return fail(ErrorCode::kInvalid, "it has no message/feedback-report");
  const auto fields = header_fields(part->content, 200);
  Complaint complaint;
  complaint.feedback_type = body_of(fields, "feedback-type").substr(0, 40);
  std::transform(complaint.feedback_type.begin(), complaint.feedback_type.end(), complaint.feedback_type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (complaint.feedback_type.empty()) return fail(ErrorCode::kInvalid, "it does not say its Feedback-Type");
  complaint.user_agent = body_of(fields, "user-agent").substr(0, 100);
  for (const auto& field : fields) {
    if (field.name != "original-rcpt-to" || complaint.recipients.size() >= Complaint::kRecipientsMax) continue;
    if (auto address = address_in(field.body); !address.empty()) complaint.recipients.push_back(std::move(address));
  }
  complaint.original = original_of(report);
  return complaint;
}

Result<Complaint> parse_complaint(std::string_view message) {
  const auto report = parse_report(message);
  if (!report) return fail(report.error());
  return complaint_in(*report);
}

}  // namespace bulkhead::mail

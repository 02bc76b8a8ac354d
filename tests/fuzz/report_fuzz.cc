// Reports of strangers: complaints and bounces of any bytes are read or refused, within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/mail/arf.h"
#include "src/mail/bounce_report.h"

namespace {

void require(bool is_true) {
  if (!is_true) std::abort();
}

void check(const bulkhead::mail::ReportedOriginal& original) {
  require(original.ids.size() <= bulkhead::mail::ReportedOriginal::kIdsMax);
  require(original.message_id.size() <= bulkhead::mail::HeaderField::kBodyMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view message{reinterpret_cast<const char*>(bytes), size};
  const auto report = bulkhead::mail::parse_report(message);
  if (!report) return 0;
  require(!report->parts.empty() && report->parts.size() <= bulkhead::mail::Report::kPartsMax);
  if (const auto complaint = bulkhead::mail::complaint_in(*report)) {
    require(complaint->recipients.size() <= bulkhead::mail::Complaint::kRecipientsMax);
    for (const auto& recipient : complaint->recipients) require(recipient.size() <= 320);
    check(complaint->original);
  }
  if (const auto bounce = bulkhead::mail::bounce_in(*report)) {
    require(!bounce->recipients.empty());
    require(bounce->recipients.size() <= bulkhead::mail::BounceReport::kRecipientsMax + 1);
    check(bounce->original);
  }
  return 0;
}

#include "src/smtpd/charge.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::smtpd {

namespace {

using tenants::Measure;

// "2026-11-23 05:12:03 UTC": to the second, the next one, so that trying then helps.
std::string moment(UtcTime time) {
  auto text = to_rfc3339(std::chrono::ceil<std::chrono::seconds>(time)).substr(0, 19);
  text[10] = ' ';
  return text + " UTC";
}

// More than the limit ever allows: trying again cannot help, a smaller message or fewer recipients can.
smtp::Reply refuse_for_ever(const netpolicy::LimitHit& hit) {
  const bool is_size = hit.measure == Measure::kBytes;
  return smtp::Reply(is_size ? 552 : 550, is_size ? "5.3.4" : "5.7.1",
                     fmt::format("This is more at once than the {} ever allows: send it in smaller parts", hit.text()));
}

smtp::Reply refuse(const netpolicy::LimitHit& hit) {
  if (!hit.passes_at) return refuse_for_ever(hit);
  // 452 at RCPT is what lets a client send to the recipients so far, and to the others later (RFC 5321 §4.5.3.1.10).
  const int code = hit.measure == Measure::kRecipients ? 452 : 451;
  return smtp::Reply(code, "4.7.1", fmt::format("Over the {}: try again after {}", hit.text(), moment(*hit.passes_at)));
}

}  // namespace

Refused charge(const Conversation& conversation, Transaction& transaction, const netpolicy::Amount& amount) {
  auto* const limiter = conversation.services.limiter;
  if (limiter == nullptr || !transaction.originator) return std::nullopt;
  const auto directory = conversation.snapshot();
  auto admission = limiter->reserve(transaction.reservation,
                                    {*directory, transaction.originator->account, conversation.arrival.ip}, amount);
  if (admission.is_refused()) return refuse(*admission.hit);
  const bool is_later =
      admission.not_before && (!transaction.pace || *admission.not_before > *transaction.pace->not_before);
  if (is_later) transaction.pace = std::move(admission);
  return std::nullopt;
}

std::uint64_t recipients_of(const tenants::Resolution& resolution) {
  if (resolution.kind == tenants::Resolution::Kind::kRemote) return 1;
  return std::max<std::uint64_t>(1, resolution.accounts.size() + resolution.forwards.size());
}

}  // namespace bulkhead::smtpd

// How reports of deliveries are attributed.

#include <fmt/format.h>

#include "monitoring/reputation/reputation.h"

namespace bulkhead::reputation {

namespace {

using replies::Fault;
using replies::ReplyClass;

// The sender could have known better; the receiver's troubles, full mailboxes and rates are nobody's bad address list,
// and what blames the address that the mail left from says nothing of the list either.
bool is_bounce(const replies::Classification& meaning) {
  switch (meaning.primary) {
    case ReplyClass::kRecipient:
      return meaning.detail != "over-quota";
    case ReplyClass::kUnknown:
    case ReplyClass::kContent:
    case ReplyClass::kDomainReputation:
      return true;
    default:
      return false;
  }
}

bool is_unknown_recipient(const replies::Classification& meaning) {
  return meaning.primary == ReplyClass::kRecipient && meaning.detail == "unknown-user";
}

}  // namespace

Decisions Reputation::reported(const DeliveryReport& report) {
  // What no account has handed in, forwards and reports, is caused by strangers: it says nothing of its tenant.
  Context context{report.subject.account.is_nil() ? Subject{} : report.subject, now(), {}};
  count_outcome(context, report);
  if (report.meaning != nullptr && report.result != DeliveryReport::Result::kDelivered) count_refusal(context, report);
  return std::move(context.decisions);
}

void Reputation::count_outcome(Context& context, const DeliveryReport& report) {
  if (report.result == DeliveryReport::Result::kRefused) return;
  const bool is_delivered = report.result == DeliveryReport::Result::kDelivered;
  const Count outcome{is_delivered ? Signal::kDelivered : Signal::kDeferred, report.recipients, {}};
  count_for_sender(context, outcome, true);
  count_for_address(context, report, outcome);
  if (!report.site.empty()) count(context, Key::site(report.site), outcome);
}

void Reputation::count_for_address(Context& context, const DeliveryReport& report, Count what) {
  if (report.source.is_unspecified()) return;
  count(context, Key::address(report.source), what);
  if (!report.site.empty()) count(context, Key::address_site(report.source, report.site), what);
}

// The address was refused before, by this site or by several: that it is refused again says nothing of the account.
bool Reputation::is_known_refused(const DeliveryReport& report) const {
  const Key address = Key::address(report.source);
  if (is_bad(address) || is_bad(Key::address_site(report.source, report.site))) return true;
  const Record* const record = find(address);
  return record != nullptr && record->count(Signal::kListings, Window::kDay, now()) >= 0.5;
}

void Reputation::count_reputation(Context& context, const DeliveryReport& report) {
  // A list may have found another address, in a Received field say: that blames the message, not our address.
  const auto& address = report.meaning->carried.address;
  const bool is_ours = !address || report.source.is_unspecified() || *address == report.source;
  const bool is_known = is_known_refused(report);
  const bool was_bad = is_bad(Key::account(context.subject.account));
  const Count refusal{is_ours ? Signal::kReputationRefusals : Signal::kContentRefusals, report.recipients,
                      report.reply};
  if (is_ours && !was_bad && !report.source.is_unspecified()) {
    at(Key::address(report.source)).see_distinct(distinct_hash(report.site), context.now);
    count_for_address(context, report, refusal);
  }
  if (!is_known) count_for_sender(context, refusal, false);
}

// A site that suddenly refuses the mail of many is broken, or has changed its mind about us all; accounts that send as
// they always did are not to blame. One that sends unusually much stays accountable, so that a storm cannot hide it.
bool Reputation::is_storm(const DeliveryReport& report) const {
  constexpr double kVolumeMin = 50;
  constexpr double kAccountsMin = 5;
  constexpr int kHistoryMin = 3;
  const Record* const site = find(Key::site(report.site));
  const Record* const account = find(Key::account(report.subject.account));
  if (site == nullptr || account == nullptr) return false;
  const double refused = site->decayed(Signal::kBounces, Window::kHour, now());
  const double delivered = site->decayed(Signal::kDelivered, Window::kHour, now());
  if (refused < kVolumeMin || refused <= delivered || site->distinct.estimate() < kAccountsMin) return false;
  const double today = account->decayed(Signal::kRecipients, Window::kDay, now());
  return account->history.days() >= kHistoryMin && today <= 2 * std::max(account->history.busiest(), kBusiestFloor);
}

void Reputation::see_storm(const DeliveryReport& report) {
  if (report.site.empty()) return;
  Record& site = at(Key::site(report.site));
  site.see_distinct(distinct_hash(report.subject.account.bytes()), now());
  site.at(Signal::kBounces).add(now(), report.recipients);
}

void Reputation::count_refusal(Context& context, const DeliveryReport& report) {
  const replies::Classification& meaning = *report.meaning;
  const bool is_final = report.result == DeliveryReport::Result::kRefused;
  const bool is_reputation = meaning.primary == ReplyClass::kAddressReputation;
  const bool is_known = is_reputation && is_known_refused(report);
  if (is_reputation) count_reputation(context, report);
  const Count refusals{Signal::kRateRefusals, report.recipients, report.reply};
  if (meaning.primary == ReplyClass::kRate || meaning.primary == ReplyClass::kConnections) {
    Count rate = refusals;
    rate.sample = {};
    count_for_sender(context, rate, false);
    if (meaning.fault == Fault::kAddress) count_for_address(context, report, rate);
  }
  if (meaning.primary == ReplyClass::kDomainReputation) {
    count_for_sender(context, {Signal::kDomainRefusals, report.recipients, report.reply}, true);
  }
  if (meaning.primary == ReplyClass::kContent) {
    count_for_sender(context, {Signal::kContentRefusals, report.recipients, report.reply}, false);
  }
  if (!is_final || is_known || !is_bounce(meaning)) return;
  see_storm(report);
  if (is_storm(report)) return;
  if (is_unknown_recipient(meaning)) {
    count_for_sender(context, {Signal::kUnknownRecipients, report.recipients, report.reply}, false);
  }
  count_for_sender(context, {Signal::kBounces, report.recipients, is_unknown_recipient(meaning) ? "" : report.reply},
                   true);
  const bool is_for_address = !report.source.is_unspecified() && !is_bad(Key::account(context.subject.account));
  if (is_for_address) count_for_address(context, report, {Signal::kBounces, report.recipients, {}});
}

}  // namespace bulkhead::reputation

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
  count_for_sender(context, outcome);
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

// Whoever sends no more than on his busiest days, or than somebody without history may.
bool Reputation::sends_as_usual(const Record& account) const {
  const double today = account.decayed(Signal::kRecipients, Window::kDay, now());
  return today <= 2 * std::max(account.history.busiest(), kBusiestFloor);
}

// Several accounts that send as usual are refused at once: it is the address that the site dislikes.
bool Reputation::is_in_bad_odour(const DeliveryReport& report) const {
  constexpr double kAccountsMin = 2;
  const Record* const place = find(Key::address_site(report.source, report.site));
  const Record* const account = find(Key::account(report.subject.account));
  const bool is_several = place != nullptr && place->distinct.estimate() >= kAccountsMin;
  return is_several && (account == nullptr || sends_as_usual(*account));
}

void Reputation::count_reputation(Context& context, const DeliveryReport& report) {
  // A list may have found another address, in a Received field say: that blames the message, not our address.
  const auto& address = report.meaning->carried.address;
  const bool has_source = !report.source.is_unspecified();
  const bool is_ours = !address || !has_source || *address == report.source;
  if (!is_ours) return count_for_sender(context, {Signal::kContentRefusals, 1, report.reply});
  const bool is_known = is_known_refused(report);
  const bool was_bad = is_bad(Key::account(context.subject.account));
  const AccountId& account = report.subject.account;
  if (has_source && !report.site.empty() && !account.is_nil()) {
    at(Key::address_site(report.source, report.site))
        .see_distinct(distinct_hash_of_bytes(account.bytes()), context.now);
  }
  if (!was_bad && has_source) {
    at(Key::address(report.source)).see_distinct(distinct_hash(report.site), context.now);
    count_for_address(context, report, {Signal::kReputationRefusals, 1, report.reply});
  }
  if (is_known || (has_source && is_in_bad_odour(report))) return;
  count_for_sender(context, {Signal::kReputationRefusals, 1, report.reply});
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
  return account->history.days() >= kHistoryMin && sends_as_usual(*account);
}

void Reputation::see_storm(const DeliveryReport& report) {
  if (report.site.empty()) return;
  Record& site = at(Key::site(report.site));
  const AccountId& account = report.subject.account;
  if (!account.is_nil()) site.see_distinct(distinct_hash_of_bytes(account.bytes()), now());
  site.at(Signal::kBounces).add(now(), report.recipients);
}

// Of the classes that rules look at: a message counts once for each, however many recipients and tries it has.
bool Reputation::is_news(const DeliveryReport& report) {
  const auto primary = report.meaning->primary;
  const bool is_counted_once = primary == ReplyClass::kAddressReputation || primary == ReplyClass::kDomainReputation ||
                               primary == ReplyClass::kContent;
  if (!is_counted_once || report.message.empty()) return true;
  return refused_.is_first({report.message, report.site, replies::to_string(primary)}, now());
}

void Reputation::count_refusal(Context& context, const DeliveryReport& report) {
  const replies::Classification& meaning = *report.meaning;
  const bool is_known = meaning.primary == ReplyClass::kAddressReputation && is_known_refused(report);
  if (is_news(report)) count_class(context, report);
  const bool is_final = report.result == DeliveryReport::Result::kRefused;
  if (is_final && !is_known && is_bounce(meaning)) count_bounce(context, report);
}

void Reputation::count_class(Context& context, const DeliveryReport& report) {
  const auto once = [&](Signal signal) { count_for_sender(context, {signal, 1, report.reply}); };
  const auto for_sender = [&](Signal signal) { count_for_sender(context, {signal, report.recipients, {}}); };
  const auto for_both = [&](Signal signal) {
    for_sender(signal);
    count_for_address(context, report, {signal, report.recipients, {}});
  };
  switch (report.meaning->primary) {
    case ReplyClass::kAddressReputation:
      return count_reputation(context, report);
    case ReplyClass::kDomainReputation:
      return once(Signal::kDomainRefusals);
    case ReplyClass::kContent:
      return once(Signal::kContentRefusals);
    case ReplyClass::kRate:
    case ReplyClass::kConnections:
      return report.meaning->fault == Fault::kAddress ? for_both(Signal::kRateRefusals)
                                                      : for_sender(Signal::kRateRefusals);
    case ReplyClass::kAuthentication:
      return for_both(Signal::kAuthenticationRefusals);
    case ReplyClass::kPolicy:
      return for_both(Signal::kPolicyRefusals);
    case ReplyClass::kGreylisting:
      return for_both(Signal::kGreylistings);
    case ReplyClass::kTransient:
    case ReplyClass::kReceiver:
    case ReplyClass::kUnknown:
      return for_both(Signal::kOtherRefusals);
    case ReplyClass::kRecipient:
      return;
  }
}

// A recipient that was given up for a reason that the sender could have avoided.
void Reputation::count_bounce(Context& context, const DeliveryReport& report) {
  see_storm(report);
  if (is_storm(report)) return;
  const bool is_unknown = is_unknown_recipient(*report.meaning);
  if (is_unknown) count_for_sender(context, {Signal::kUnknownRecipients, report.recipients, report.reply});
  count_for_sender(context, {Signal::kBounces, report.recipients, is_unknown ? "" : report.reply});
  const bool is_for_address = !report.source.is_unspecified() && !is_bad(Key::account(context.subject.account));
  if (is_for_address) count_for_address(context, report, {Signal::kBounces, report.recipients, {}});
}

}  // namespace bulkhead::reputation

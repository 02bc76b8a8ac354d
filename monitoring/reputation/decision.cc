#include "monitoring/reputation/decision.h"

#include <fmt/format.h>

namespace bulkhead::reputation {

namespace {

std::string_view words_of(Whole whole) {
  switch (whole) {
    case Whole::kAttempted:
      return "recipients tried in a day";
    case Whole::kAddressed:
      return "recipients addressed in a day";
    case Whole::kDelivered:
      return "recipients delivered in a day";
    case Whole::kMessages:
      return "messages of a day";
    case Whole::kNone:
      break;
  }
  return "";
}

std::string_view words_of_distinct(KeyKind kind) {
  switch (kind) {
    case KeyKind::kTenant:
    case KeyKind::kSite:
    case KeyKind::kAddressSite:
      return "accounts";
    case KeyKind::kAddress:
      return "sites";
    case KeyKind::kClient:
      return "account names";
    default:
      return "recipients";
  }
}

}  // namespace

std::string_view meaning_of(KeyKind kind, State state) {
  const bool is_client = kind == KeyKind::kClient;
  switch (state) {
    case State::kQuarantined:
      return is_client ? "Nothing is accepted from it" : "All its queued mail is held and nothing more is accepted";
    case State::kThrottled:
      return is_client ? "It is answered slowly" : "Its mail is paced to a trickle";
    case State::kWatched:
      return "Nothing is held back";
    case State::kRestored:
      return "It sends freely, with thresholds halved";
    case State::kNormal:
      break;
  }
  return "It sends freely";
}

std::string explain(const Decision& decision, const Rule& rule) {
  const Evidence& seen = decision.evidence;
  const std::string from = seen.count_min > 1 ? fmt::format(": from {:.0f} on", seen.count_min) : std::string{};
  std::string out = fmt::format("{} {} {}: {:.0f} {} within {} (rule {}{}).", decision.key.text(),
                                decision.is_acting() ? "is" : "would be", to_string(decision.to), seen.count,
                                in_words(seen.signal), in_words(seen.window), rule.name, from);
  if (rule.whole != Whole::kNone) {
    out += fmt::format(" That is {:.1f} % of {:.0f} {} (allowed: {:.1f} %).", seen.share * 100, seen.whole,
                       words_of(rule.whole), seen.share_over * 100);
  }
  if (rule.busiest_days_min > 0) {
    out += fmt::format(" Its busiest day before had {:.0f} recipients.", seen.busiest_day);
  }
  if (rule.busiest_minutes_min > 0) {
    out += fmt::format(" Its busiest minute before had {:.0f} recipients.", seen.busiest_minute);
  }
  if (rule.also_min > 0) {
    out += fmt::format(" There were also {:.0f} {} within an hour.", seen.also_count, in_words(seen.also));
  }
  if (rule.distinct_min > 0 || rule.share_of_distinct > 0) {
    out += fmt::format(" About {:.0f} different {} took part today.", seen.distinct, words_of_distinct(rule.kind));
  }
  if (decision.mode == Decision::Mode::kShadow) return out + " The rule only reports; nothing was done.";
  if (decision.mode == Decision::Mode::kExempt) return out + " An exemption holds; nothing was done.";
  return out + fmt::format(" {} until {} at the earliest.", meaning_of(decision.key.kind, decision.to),
                           to_rfc3339(decision.until));
}

}  // namespace bulkhead::reputation

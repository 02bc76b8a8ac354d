#include "monitoring/reputation/reputation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/mail/utf8.h"

namespace bulkhead::reputation {

using std::chrono::hours;

Reputation::Reputation(const Clock& clock, std::shared_ptr<const PolicyBook> policies, ReputationLimits limits)
    : clock_(clock), utc_at_start_(clock.now()), steady_at_start_(clock.steady()), policies_(std::move(policies)) {
  for (const std::size_t size_max : limits.keys_max) tables_.emplace_back(size_max);
}

UtcTime Reputation::now() const {
  return utc_at_start_ + std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - steady_at_start_);
}

Record* Reputation::find(const Key& key) {
  return table(key.kind).find(key);
}
const Record* Reputation::find(const Key& key) const {
  return tables_[static_cast<std::size_t>(key.kind)].find(key);
}

Record& Reputation::place_of(const Key& key) {
  std::vector<RecordTable::Evicted> evicted;
  Record& record = table(key.kind).at(key, now(), evicted);
  for (auto& gone : evicted) {
    changed_[gone.key] = true;
    if (gone.state >= State::kThrottled) forgotten_.push_back(std::move(gone));
  }
  return record;
}

Record& Reputation::at(const Key& key) {
  Record& record = place_of(key);
  mark(key);
  return record;
}

void Reputation::mark(const Key& key) {
  changed_[key] = false;
}

bool Reputation::is_bad(const Key& key) const {
  return state_of(key) >= State::kThrottled;
}

State Reputation::state_of(const Key& key) const {
  const Record* const record = find(key);
  return record == nullptr ? State::kNormal : record->state;
}

void Reputation::count(Context& context, const Key& key, Count what) {
  Record& record = at(key);
  record.touched = context.now;
  record.at(what.signal).add(context.now, what.amount);
  if (!what.sample.empty()) record.add_sample({context.now, what.signal, std::string{what.sample}});
  judge(context, key, record, what.signal);
}

void Reputation::judge(Context& context, const Key& key, Record& record, Signal signal) {
  const Policy& policy = policy_of(context, key.kind);
  const Rule* worst = nullptr;
  Evidence evidence_of_worst;
  for (const auto& rule : policy.rules) {
    if (rule.kind != key.kind || rule.signal != signal) continue;
    if (worst != nullptr && rule.leads_to <= worst->leads_to) continue;
    Evidence evidence;
    if (!fires(rule, record, evidence)) continue;
    const bool is_worse = rule.leads_to > record.state;
    // A rule that only reports must not hide one that acts.
    if (rule.is_shadow && !policy.is_shadow) {
      if (is_worse) decide(context, key, record, rule, std::move(evidence));
      continue;
    }
    worst = &rule;
    evidence_of_worst = std::move(evidence);
  }
  if (worst == nullptr || worst->leads_to < record.state) return;
  if (worst->leads_to == record.state) {
    // More of the same: the time begins anew, without another decision.
    const UtcTime until = context.now + policy.hold(key.kind, record.state, std::max(record.strikes - 1, 0));
    if (until > record.until + std::chrono::minutes{1}) hold(key, record, until);
    return;
  }
  decide(context, key, record, *worst, std::move(evidence_of_worst));
}

bool Reputation::fires(const Rule& rule, const Record& record, Evidence& evidence) const {
  const UtcTime time = now();
  const double factor = record.probation_until > time ? 0.5 : 1.0;
  evidence.signal = rule.signal;
  evidence.window = rule.window;
  evidence.count = record.count(rule.signal, rule.window, time);
  evidence.count_min = rule.count_min * factor;
  if (evidence.count < evidence.count_min) return false;
  evidence.share_over = rule.share_over * factor;
  if (rule.whole != Whole::kNone && !has_share(rule, record, evidence)) return false;
  evidence.busiest_day = record.history.busiest();
  evidence.busiest_minute = record.history.busiest_minute();
  const auto is_times = [&](double times, double busiest) {
    return evidence.count >= times * factor * std::max(busiest, kBusiestFloor);
  };
  if (!is_times(rule.busiest_days_min, evidence.busiest_day)) return false;
  if (!is_times(rule.busiest_minutes_min, evidence.busiest_minute)) return false;
  evidence.also = rule.also;
  evidence.also_count = record.count(rule.also, Window::kHour, time);
  if (evidence.also_count < rule.also_min) return false;
  evidence.distinct = record.distinct.estimate();
  if (evidence.distinct < rule.distinct_min) return false;
  return evidence.count >= rule.share_of_distinct * evidence.distinct;
}

namespace {

// What a share is of; `of` counts a signal.
template <class Of>
double whole_of(Whole whole, Signal signal, const Of& of) {
  switch (whole) {
    case Whole::kAttempted: {
      const double attempted = of(Signal::kDelivered) + of(Signal::kBounces);
      return signal == Signal::kBounces ? attempted : std::max(attempted, of(signal));
    }
    case Whole::kAddressed:
      return std::max(of(Signal::kRecipients), of(Signal::kUnknownRecipients));
    case Whole::kMessages:
      return std::max(of(Signal::kMessages), of(signal));
    case Whole::kDelivered:
    case Whole::kNone:
      break;
  }
  return of(Signal::kDelivered);
}

}  // namespace

// Of what was counted, not of what has decayed: complaints and bounces come hours after what they are about.
bool Reputation::has_share(const Rule& rule, const Record& record, Evidence& evidence) const {
  const auto of = [&record, time = now()](Signal signal) { return record.count(signal, Window::kDay, time); };
  evidence.whole = whole_of(rule.whole, rule.signal, of);
  evidence.share = of(rule.signal) / std::max(evidence.whole, 1.0);
  // A volume is a whole number that may have decayed a little.
  return evidence.whole >= rule.whole_min - 0.5 && evidence.share > evidence.share_over;
}

void Reputation::decide(Context& context, const Key& key, Record& record, const Rule& rule, Evidence evidence) {
  const Policy& policy = policy_of(context, key.kind);
  const bool is_told_only = policy.is_shadow || rule.is_shadow || record.exemption.holds(context.now);
  // Nobody is told who would be watched; the hour's silence after it would hide what is worse.
  if (is_told_only && rule.leads_to < State::kThrottled) return;
  Decision decision{.key = key, .from = record.state, .to = rule.leads_to, .rule = rule.name, .at = context.now};
  if (policy.is_shadow || rule.is_shadow) decision.mode = Decision::Mode::kShadow;
  if (record.exemption.holds(context.now)) decision.mode = Decision::Mode::kExempt;
  // What is only reported is so once an hour, unless it becomes worse.
  const bool is_quiet = record.quiet_until > context.now && rule.leads_to <= record.quiet_state;
  if (!decision.is_acting() && is_quiet) return;
  decision.until = context.now + policy.hold(key.kind, rule.leads_to, record.strikes);
  decision.evidence = std::move(evidence);
  decision.evidence.samples = record.samples;
  decision.words = explain(decision, rule);
  if (!decision.is_acting()) {
    record.quiet_until = context.now + hours{1};
    record.quiet_state = rule.leads_to;
    context.decisions.push_back(std::move(decision));
    return;
  }
  if (decision.to == State::kQuarantined) {
    record.strikes = static_cast<std::uint8_t>(std::min(record.strikes + 1, 255));
    record.struck = context.now;
  }
  enter(record, decision);
  context.decisions.push_back(decision);
  if (key.kind == KeyKind::kAccount && decision.to >= State::kThrottled) account_turned_bad(context, rule);
}

void Reputation::enter(Record& record, const Decision& decision) {
  if (record.state != decision.to) {
    record.since = decision.at;
    record.add_change({decision.at, decision.from, decision.to, decision.rule});
  }
  record.state = decision.to;
  // What has led to this must not become what is usual.
  if (decision.to >= State::kThrottled) record.history.taint();
  hold(decision.key, record, decision.until);
}

void Reputation::hold(const Key& key, Record& record, UtcTime until) {
  record.until = until;
  if (record.state != State::kNormal) due_.emplace(until, key);
  mark(key);
}

// Once a day, by the first rule that is not about the address: what was refused for its sake speaks against nobody who
// shares it.
void Reputation::account_turned_bad(Context& context, const Rule& rule) {
  if (rule.signal == Signal::kReputationRefusals) return;
  const Subject& subject = context.subject;
  Blame& blame = blamed_.at(distinct_hash_of_bytes(subject.account.bytes()), context.now);
  if (blame.is_counted && context.now - blame.at < hours{24}) return;
  blame = {context.now, true, subject.tenant, subject.client};
  const std::string name = subject.name.empty() ? Key::account(subject.account).text() : std::string{subject.name};
  const std::string sample = fmt::format("{} is {} (rule {})", name, to_string(rule.leads_to), rule.name);
  const Count bad{Signal::kBadAccounts, 1, sample};
  if (!context.subject.tenant.is_nil()) count(context, Key::tenant(context.subject.tenant), bad);
  if (!context.subject.client.is_unspecified()) count(context, Key::client(context.subject.client), bad);
}

namespace {

std::string describe(const Submission& submission) {
  const Subject& subject = submission.subject;
  const std::string client = subject.client.is_unspecified() ? "" : ", client " + subject.client.text();
  const std::size_t count = submission.recipients.size();
  return fmt::format("message {} of {} to {} recipient{}{}", submission.message, subject.name, count,
                     count == 1 ? "" : "s", client);
}

}  // namespace

Decisions Reputation::submitted(const Submission& submission) {
  const Subject& subject = submission.subject;
  Context context{subject, now(), {}};
  const auto recipients = static_cast<std::uint32_t>(submission.recipients.size());
  const auto add = [&](const Key& key) {
    Record& record = at(key);
    record.history.add(context.now, recipients, record.state >= State::kThrottled);
    // Who is looked at already: what it sends is the evidence.
    if (record.state >= State::kWatched && !submission.message.empty()) {
      record.add_sample({context.now, Signal::kRecipients, describe(submission)});
    }
    record.at(Signal::kMessages).add(context.now, 1);
    if (key.kind == KeyKind::kAccount) {
      for (const std::uint64_t hash : submission.recipients) record.see_distinct(hash, context.now);
    } else if (key.kind == KeyKind::kTenant) {
      record.see_distinct(distinct_hash_of_bytes(subject.account.bytes()), context.now);
    }
    count(context, key, {Signal::kRecipients, recipients, {}});
  };
  if (!subject.account.is_nil()) {
    add(Key::account(subject.account));
    // Neither what a bad account goes on to send nor what has shown it to be one is its tenant's.
    if (is_bad(Key::account(subject.account))) return std::move(context.decisions);
  }
  if (!subject.tenant.is_nil()) add(Key::tenant(subject.tenant));
  if (!subject.domain.empty()) add(Key::domain(subject.domain));
  if (!subject.client.is_unspecified()) add(Key::client(subject.client));
  return std::move(context.decisions);
}

Decisions Reputation::unknown_recipient(const Subject& subject, std::string_view recipient) {
  Context context{subject, now(), {}};
  // A client that stands for many (loopback) is not named.
  const std::string client = subject.client.is_unspecified() ? "" : " (client " + subject.client.text() + ")";
  const std::string sample = fmt::format("{} does not exist{}", recipient, client);
  const Count unknown{Signal::kUnknownRecipients, 1, sample};
  count_for_sender(context, unknown);
  if (!subject.client.is_unspecified()) count(context, Key::client(subject.client), unknown);
  return std::move(context.decisions);
}

Decisions Reputation::complained(const Complaint& complaint) {
  const Subject& subject = complaint.subject;
  Context context{subject, now(), {}};
  bool is_new = true;
  const std::string account = subject.account.text();
  for (const auto& person : complaint.people) is_new = complained_.is_first({account, person}, context.now) && is_new;
  if (!is_new) return {};
  const Count count_of_it{Signal::kComplaints, 1, complaint.what};
  const bool was_bad = !subject.account.is_nil() && is_bad(Key::account(subject.account));
  count_for_sender(context, count_of_it);
  if (!was_bad && !complaint.source.is_unspecified()) count(context, Key::address(complaint.source), count_of_it);
  return std::move(context.decisions);
}

Decisions Reputation::called_spam(const Subject& subject, std::string_view why) {
  Context context{subject, now(), {}};
  count_for_sender(context, {Signal::kSpamVerdicts, 1, why});
  return std::move(context.decisions);
}

Decisions Reputation::signed_in(const SignIn& sign_in) {
  Context context{sign_in.subject, now(), {}};
  const Subject& subject = sign_in.subject;
  if (sign_in.is_successful && sign_in.is_new_network && !subject.account.is_nil()) {
    const std::string sample = fmt::format("signed in from {}", subject.client.text());
    count(context, Key::account(subject.account), {Signal::kOddSignIns, 1, sample});
  }
  if (sign_in.is_successful && !subject.client.is_unspecified()) {
    const std::uint32_t mistyped = names_.succeeded(subject.client, sign_in.name, context.now);
    Record* const client = mistyped == 0 ? nullptr : find(Key::client(subject.client));
    if (client != nullptr) {
      client->take_back(Signal::kSignInFailures, mistyped);
      client->set_distinct(names_.tried(subject.client, context.now), context.now);
      mark(Key::client(subject.client));
    }
  }
  if (!sign_in.is_successful) count_failed_sign_in(context, sign_in);
  return std::move(context.decisions);
}

void Reputation::count_failed_sign_in(Context& context, const SignIn& sign_in) {
  const Subject& subject = context.subject;
  const bool has_client = !subject.client.is_unspecified();
  // No rule does more than watch: nobody may lock another one's account by guessing.
  if (!subject.account.is_nil()) {
    const std::string from = has_client ? "failed from " + subject.client.text() : "failed";
    count(context, Key::account(subject.account), {Signal::kSignInFailures, 1, from});
  }
  // A name that signs in from there is somebody's own, mistyped.
  if (!has_client || !names_.failed(subject.client, sign_in.name, context.now)) return;
  const Key client = Key::client(subject.client);
  at(client).set_distinct(names_.tried(subject.client, context.now), context.now);
  count(context, client, {Signal::kSignInFailures, 1, fmt::format("failed as {}", sign_in.name)});
}

Decisions Reputation::listed(const IpAddress& source, std::string_view zone) {
  const Subject nobody{};
  Context context{nobody, now(), {}};
  count(context, Key::address(source), {Signal::kListings, 1, fmt::format("listed by {}", zone)});
  return std::move(context.decisions);
}

Decisions Reputation::domain_listed(std::string_view domain, std::string_view zone) {
  const Subject nobody{};
  Context context{nobody, now(), {}};
  count(context, Key::domain(domain), {Signal::kListings, 1, fmt::format("listed by {}", zone)});
  return std::move(context.decisions);
}

void Reputation::count_for_sender(Context& context, Count what) {
  const Subject& subject = context.subject;
  const bool was_bad = !subject.account.is_nil() && is_bad(Key::account(subject.account));
  if (!subject.account.is_nil()) count(context, Key::account(subject.account), what);
  // The account has been dealt with: its tenant is not to suffer for what it still causes.
  if (was_bad) return;
  if (!subject.tenant.is_nil()) count(context, Key::tenant(subject.tenant), what);
  if (!subject.domain.empty()) count(context, Key::domain(subject.domain), what);
}

Decisions Reputation::tick(std::size_t most) {
  const UtcTime time = now();
  Decisions decisions;
  for (auto& gone : std::exchange(forgotten_, {})) {
    const std::string words =
        gone.key.text() + " is forgotten: too many others are throttled or worse. It sends freely.";
    decisions.push_back(
        {.key = std::move(gone.key), .from = gone.state, .rule = "forgotten", .at = time, .words = words});
  }
  for (std::size_t i = 0; i < most && !due_.empty() && due_.begin()->first <= time; ++i) {
    const auto [due, key] = *due_.begin();
    due_.erase(due_.begin());
    Record* const record = find(key);
    if (record == nullptr || record->state == State::kNormal || record->until != due) continue;
    decisions.push_back(expire(key, *record));
  }
  return decisions;
}

Decision Reputation::expire(const Key& key, Record& record) {
  const UtcTime time = now();
  const Policy& policy = policies_->usual();
  Decision decision{.key = key, .from = record.state, .to = State::kNormal, .rule = "expiry", .at = time};
  if (record.state >= State::kThrottled) {
    const bool was_quarantined = record.state == State::kQuarantined;
    decision.to = State::kRestored;
    decision.until = time + (was_quarantined ? policy.restored_after_quarantine : policy.restored_after_throttle);
    record.forgive();
    record.probation_until = decision.until;
  } else if (record.probation_until > time) {
    decision.to = State::kRestored;
    decision.until = record.probation_until;
  }
  constexpr hours kStrikeLasts{24 * 30};
  if (record.strikes > 0 && time - record.struck > kStrikeLasts) {
    --record.strikes;
    record.struck = time;
  }
  decision.words = fmt::format("{} is {} again: it was {} until now and nothing more came. {}.", key.text(),
                               to_string(decision.to), to_string(decision.from), meaning_of(key.kind, decision.to));
  enter(record, decision);
  return decision;
}

Result<Decision> Reputation::set_state(const Key& key, State state, UtcTime until, std::string_view reason) {
  const UtcTime time = now();
  if (state != State::kNormal && (until <= time || until > time + hours{24 * 366})) {
    return fail(ErrorCode::kInvalid, "the state would end in the past or in more than a year",
                "give a time within a year");
  }
  Record& record = at(key);
  Decision decision{.key = key, .from = record.state, .to = state, .rule = "person", .at = time, .until = until};
  decision.evidence.samples = record.samples;
  if (state < State::kThrottled) {
    record.forgive();
    if (key.kind == KeyKind::kAccount) take_blame_back(key);
  }
  record.probation_until = state == State::kRestored ? until : UtcTime{};
  enter(record, decision);
  decision.words = fmt::format("{} is {}: {}. {}.", key.text(), to_string(state),
                               mail::to_printable_utf8(reason, Record::kReasonSizeMax), meaning_of(key.kind, state));
  return decision;
}

// Whom a person has released was not bad, for all we know.
void Reputation::take_blame_back(const Key& account) {
  Blame& blame = blamed_.at(distinct_hash_of_bytes(account.account_id().bytes()), now());
  if (!std::exchange(blame.is_counted, false)) return;
  for (const Key& key : {Key::tenant(blame.tenant), Key::client(blame.client)}) {
    Record* const record = find(key);
    if (record == nullptr) continue;
    record->take_back(Signal::kBadAccounts, 1);
    mark(key);
  }
}

Status Reputation::exempt(const Key& key, UtcTime until, std::string_view reason, std::string_view by) {
  const UtcTime time = now();
  if (until > time + hours{24 * 366}) {
    return fail(ErrorCode::kInvalid, "an exemption lasts at most a year", "give a time within a year");
  }
  at(key).exemption = {.since = time,
                       .until = std::max(until, UtcTime{}),
                       .reason = mail::to_printable_utf8(reason, Record::kReasonSizeMax),
                       .by = mail::to_printable_utf8(by, Record::kGiverSizeMax)};
  return {};
}

}  // namespace bulkhead::reputation

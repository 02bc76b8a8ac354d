#include "src/queue/settlement.h"

#include <algorithm>

#include "src/queue/delivery_table.h"
#include "src/queue/grouping.h"
#include "src/queue/retry.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kAnswerTextMax = 1024;
constexpr std::string_view kExpiredText = "the message could not be delivered in time and has expired";

Answer bounded(Answer answer) {
  if (answer.text.size() > kAnswerTextMax) answer.text.resize(kAnswerTextMax);
  if (answer.enhanced.size() > 16) answer.enhanced.resize(16);
  return answer;
}

mail::DsnRecipient report_of(const Message& message, const RecipientState& state, const DeliveryRecord& record,
                             mail::DsnAction action) {
  mail::DsnRecipient report;
  report.recipient = message.recipients[state.recipient].recipient;
  report.action = action;
  report.code = state.answer.code;
  report.enhanced = state.answer.enhanced;
  report.text = state.answer.text;
  report.is_from_remote = !record.remote_mta.empty();
  report.remote_mta = record.remote_mta;
  return report;
}

// Lines of the trace for recipients of the same kind and answer are one line.
void add_event(std::vector<trace::Event>& events, trace::Event event, const RecipientState& state,
               const Message& message) {
  event.reply = text_of(state.answer);
  for (auto& known : events) {
    if (known.kind == event.kind && known.reply == event.reply) {
      known.recipients.push_back(message.recipients[state.recipient].recipient.address.text());
      return;
    }
  }
  event.recipients = {message.recipients[state.recipient].recipient.address.text()};
  events.push_back(std::move(event));
}

// `result` is what the attempt has brought one recipient; null when it brought it nothing.
trace::Event attempt_event(const Message& message, const Outcome& outcome, trace::EventKind kind, UtcTime at,
                           const RecipientOutcome* result) {
  trace::Event event = event_of(message, kind, at);
  if (result != nullptr) {
    event.verdict = result->reply_class;
    event.rule = result->rule;
  }
  event.source = outcome.source;
  event.remote = outcome.remote;
  event.tls = outcome.tls;
  return event;
}

RecipientState* find_state(DeliveryRecord& record, std::uint16_t recipient) {
  for (auto& state : record.recipients) {
    if (state.recipient == recipient && state.fate == Fate::kDeferred) return &state;
  }
  return nullptr;
}

bool is_local(const Message& message, const DeliveryRecord& record) {
  return !record.recipients.empty() && message.recipients[record.recipients.front().recipient].local.has_value();
}

bool wants(const Message& message, std::uint16_t recipient, mail::DsnKind kind) {
  return message.sender.address && wants_dsn(message.recipients[recipient].recipient.notify, kind);
}

// A message from <> is itself a report or an automatic reply: nobody is told of its failure (RFC 5321 §6.1).
void fail_recipient(Settlement& settled, const Message& message, const RecipientState& state, trace::Event event) {
  if (!message.sender.address) event.detail = "no report: the sender is <>";
  add_event(settled.events, std::move(event), state, message);
  if (wants(message, state.recipient, mail::DsnKind::kFailure)) {
    settled.failures.push_back(report_of(message, state, settled.record, mail::DsnAction::kFailed));
  }
}

void deliver_recipient(Settlement& settled, const Message& message, const RecipientOutcome& result,
                       const RecipientState& state) {
  if (result.is_dsn_relayed || !wants(message, state.recipient, mail::DsnKind::kSuccess)) return;
  const bool is_stored = message.recipients[state.recipient].local.has_value();
  settled.successes.push_back(
      report_of(message, state, settled.record, is_stored ? mail::DsnAction::kDelivered : mail::DsnAction::kRelayed));
}

// Fails what is pending although it was not refused: its time is over. The last answer says why it waited.
void expire_pending(Settlement& settled, const Message& message, const SettlementContext& context) {
  for (auto& state : settled.record.recipients) {
    if (state.fate != Fate::kDeferred) continue;
    state.fate = Fate::kFailed;
    const std::string last = text_of(state.answer);
    // X.4.7: delivery time expired (RFC 3463 §3.5).
    state.answer.enhanced = "4.4.7";
    state.answer.text = std::string{kExpiredText} + (last.empty() ? "" : "; the last answer was: " + last);
    state.answer.code = 0;
    trace::Event event = event_of(message, trace::EventKind::kExpired, context.now);
    event.remote = settled.record.remote;
    fail_recipient(settled, message, state, std::move(event));
  }
}

void conclude(Settlement& settled, const Message& message, const SettlementContext& context) {
  settled.record.since = context.now;
  settled.is_ended = settled.record.pending().empty();
  settled.releases_share = settled.is_ended && is_local(message, settled.record) && !settled.record.has_stored();
  for (auto* reports : {&settled.failures, &settled.delays, &settled.successes}) {
    for (auto& report : *reports) report.last_attempt = context.now;
  }
}

void plan_retry(Settlement& settled, const Outcome& outcome, const SettlementContext& context) {
  const auto delay = retry_delay(context.retry, settled.record.attempts, outcome.retry_after, context.random);
  settled.record.next_attempt = context.queue_now + delay;
}

void settle_recipient(Settlement& settled, const Message& message, const Outcome& outcome,
                      const RecipientOutcome& result, UtcTime at) {
  RecipientState* state = find_state(settled.record, result.recipient);
  if (state == nullptr) return;  // named twice, or not of this job
  state->answer = bounded(result.answer);
  state->fate = result.fate;
  state->is_consumed = result.is_consumed && result.fate == Fate::kDelivered;
  if (result.fate == Fate::kDelivered) {
    add_event(settled.events, attempt_event(message, outcome, trace::EventKind::kDelivered, at, &result), *state,
              message);
    deliver_recipient(settled, message, result, *state);
  } else if (result.fate == Fate::kFailed) {
    fail_recipient(settled, message, *state, attempt_event(message, outcome, trace::EventKind::kBounced, at, &result));
  }
}

}  // namespace

std::string text_of(const Answer& answer) {
  std::string text;
  if (answer.code != 0) text = std::to_string(answer.code) + ' ';
  if (!answer.enhanced.empty()) text += answer.enhanced + ' ';
  text += answer.text;
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

trace::Event event_of(const Message& message, trace::EventKind kind, UtcTime at) {
  trace::Event event;
  event.at = at;
  event.kind = kind;
  event.id = message.id;
  event.tenant = message.tenant;
  event.account = message.account;
  event.account_name = message.account_name;
  event.client_ip = message.client_ip;
  event.arrival = message.arrival;
  event.protocol = message.protocol;
  event.sender = message.sender.text();
  event.message_id = message.message_id;
  event.subject = message.subject;
  event.size = message.size;
  return event;
}

UtcTime warning_time(const Message& message, const RetryPolicy& policy) {
  if (!message.sender.address || policy.warn_after <= std::chrono::seconds{0}) return kNever;
  return message.queued_at + policy.warn_after;
}

DeliveryRecord fresh_record(const Message& message, std::uint16_t index) {
  DeliveryRecord record;
  for (const auto recipient : group_at(message, index).recipients) {
    record.recipients.push_back({recipient, Fate::kDeferred, {}});
  }
  return record;
}

Settlement settle_attempt(const Message& message, const DeliveryRecord& before, const Outcome& outcome,
                          const SettlementContext& context) {
  Settlement settled;
  settled.record = before;
  settled.record.attempts = static_cast<std::uint16_t>(std::min<std::uint32_t>(before.attempts + 1U, 0xFFFF));
  settled.record.remote = outcome.remote.substr(0, 300);
  settled.record.remote_mta = outcome.remote_mta.substr(0, 255);
  for (const auto& result : outcome.recipients) settle_recipient(settled, message, outcome, result, context.now);
  for (const auto& state : settled.record.recipients) {
    if (state.fate != Fate::kDeferred) continue;
    const auto result = std::ranges::find(outcome.recipients, state.recipient, &RecipientOutcome::recipient);
    auto event = attempt_event(message, outcome, trace::EventKind::kDeferred, context.now,
                               result == outcome.recipients.end() ? nullptr : &*result);
    add_event(settled.events, std::move(event), state, message);
  }
  const bool was_held = context.expires_at != UtcTime::max() && context.expires_at > message.expires_at;
  const UtcTime expires_at = was_held ? context.expires_at : message.expires_at;
  if (was_held) settled.record.expires_at = expires_at;
  if (context.queue_now >= expires_at) expire_pending(settled, message, context);
  plan_retry(settled, outcome, context);
  conclude(settled, message, context);
  return settled;
}

Settlement settle_expiry(const Message& message, const DeliveryRecord& before, const SettlementContext& context) {
  Settlement settled;
  settled.record = before;
  expire_pending(settled, message, context);
  conclude(settled, message, context);
  return settled;
}

Settlement settle_order(const Message& message, const DeliveryRecord& before, const Directive& directive,
                        const SettlementContext& context) {
  Settlement settled;
  settled.record = before;
  const bool is_bounce = directive.action == DirectiveAction::kBounce;
  for (auto& state : settled.record.recipients) {
    if (state.fate != Fate::kDeferred) continue;
    state.fate = Fate::kFailed;
    // X.7.1: delivery not authorized, message refused (RFC 3463 §3.8).
    state.answer.code = 0;
    state.answer.enhanced = "5.7.1";
    state.answer.text = is_bounce ? "the message was returned by the administrator of this server"
                                  : "the message was removed by the administrator of this server";
    const auto kind = is_bounce ? trace::EventKind::kBounced : trace::EventKind::kPurged;
    trace::Event event = event_of(message, kind, context.now);
    event.rule = directive.id.text();
    event.user = directive.by;
    if (is_bounce) {
      fail_recipient(settled, message, state, std::move(event));
      // Nobody but us says so, whoever was asked before.
      if (!settled.failures.empty()) {
        settled.failures.back().is_from_remote = false;
        settled.failures.back().remote_mta.clear();
      }
    } else {
      add_event(settled.events, std::move(event), state, message);
    }
  }
  conclude(settled, message, context);
  return settled;
}

Settlement settle_warning(const Message& message, const DeliveryRecord& before, const SettlementContext& context) {
  Settlement settled;
  settled.record = before;
  settled.record.is_warned = true;
  const UtcTime since = before.since;
  for (const auto& state : settled.record.recipients) {
    if (state.fate != Fate::kDeferred || !wants(message, state.recipient, mail::DsnKind::kDelay)) continue;
    auto report = report_of(message, state, settled.record, mail::DsnAction::kDelayed);
    if (report.text.empty()) report.text = "the message waits for its next attempt";
    report.retry_until = message.expires_at;
    settled.delays.push_back(std::move(report));
  }
  conclude(settled, message, context);
  settled.record.since = since;
  return settled;
}

}  // namespace bulkhead::queue

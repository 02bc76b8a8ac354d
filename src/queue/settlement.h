// What the end of an attempt, an expiry or a delay warning means: the new state, the trace's lines, the reports that
// are due. Pure: the durable part turns a settlement into one transaction.
#pragma once

#include <string>
#include <vector>

#include "src/mail/dsn.h"
#include "src/queue/queue.h"
#include "src/queue/records.h"

namespace bulkhead::queue {

struct SettlementContext {
  UtcTime now;        // wall clock, for events and reports
  UtcTime queue_now;  // the queue's own time, for the schedule
  const RetryPolicy& retry;
  Random& random;
  UtcTime expires_at = UtcTime::max();  // later than the message's own where it was held; max: the message's
};

struct Settlement {
  DeliveryRecord record;  // the state from now on
  bool is_ended = false;  // no recipient is pending
  // A local delivery that ended without storing the message: its share of the body is given back.
  bool releases_share = false;
  std::vector<trace::Event> events;
  std::vector<mail::DsnRecipient> failures, delays, successes;  // to be reported, NOTIFY considered
};

// The state of a delivery that was never tried.
DeliveryRecord fresh_record(const Message& message, std::uint16_t index);

// An attempt that took place. Pending recipients without an outcome count as deferred. A recipient still pending
// after `expires_at` fails.
Settlement settle_attempt(const Message& message, const DeliveryRecord& before, const Outcome& outcome,
                          const SettlementContext& context);
// The message is too old: what is pending fails.
Settlement settle_expiry(const Message& message, const DeliveryRecord& before, const SettlementContext& context);
// The delay warning: nothing but the flag changes.
Settlement settle_warning(const Message& message, const DeliveryRecord& before, const SettlementContext& context);

// An order ends it: what is pending fails. Purged without a report; bounced with one, where its sender wants one.
Settlement settle_order(const Message& message, const DeliveryRecord& before, const Directive& directive,
                        const SettlementContext& context);

// An event with everything that is known of the message.
trace::Event event_of(const Message& message, trace::EventKind kind, UtcTime at);
// "450 4.2.0 text", "" for an empty answer.
std::string text_of(const Answer& answer);
// When a message that was queued at `queued_at` warrants a warning; kNever for those that must not get one.
UtcTime warning_time(const Message& message, const RetryPolicy& policy);

}  // namespace bulkhead::queue

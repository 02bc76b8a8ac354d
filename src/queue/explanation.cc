#include "src/queue/explanation.h"

#include <algorithm>

#include "src/queue/settlement.h"

namespace bulkhead::queue {
namespace {

void explain_wait(DeliveryView& view, const ListingRow& row, const DeliveryRecord& record) {
  view.next_attempt = row.due;
  view.until = row.due;
  view.reason_code = "deferred";
  for (const auto& state : record.recipients) {
    if (state.fate == Fate::kDeferred) view.reason = text_of(state.answer);
  }
  if (!record.remote.empty()) view.reason = record.remote + ": " + view.reason;
  if (record.attempts == 0) {
    view.reason_code = "released";
    view.reason = "what a directive held goes on one after the other";
  }
  view.remedy = "a retry now";
}

// The line of an account's mail waits for the first that is paced; each has its time.
void tell_own_time(DeliveryView& view, const ListingRow& row) {
  const auto& not_before = view.message->not_before;
  if (!row.hold_reason.starts_with(kPaced) || !not_before || *not_before <= row.until) return;
  view.reason = std::string{kPaced} + view.message->wait_reason;
  view.until = view.next_attempt = *not_before;
}

}  // namespace

void explain(DeliveryView& view, const ListingRow& row, const DeliveryRecord& record, const DirectiveSet* directives) {
  view.reason_since = record.attempts > 0 ? record.since : view.message->queued_at;
  const Directive* holder = directives == nullptr ? nullptr : directives->find(row.directive);
  if (row.directive != 0) {
    view.reason_code = "directive";
    view.reason = holder == nullptr ? "a directive holds it" : text_of(*holder) + ", given by " + holder->by;
    if (holder != nullptr) view.reason_since = std::max(holder->given_at, view.message->queued_at);
    view.remedy =
        holder == nullptr ? "a release of the same selection" : "bulkhead queue release " + flags_of(holder->selector);
  } else if (row.is_routing && row.state == "ready") {
    view.reason_code = "routing";
    view.reason = "the mail servers of its domain are being looked up";
    view.remedy = "an answer of the name servers";
  } else if (!row.hold_code.empty() && row.state != "active") {
    view.reason_code = row.hold_code;
    view.reason = row.hold_reason;
    view.reason_since = row.held_since;
    if (row.until != kNever) view.until = view.next_attempt = row.until;
    view.remedy = row.remedy;
    tell_own_time(view, row);
  } else if (row.state == "active") {
    view.reason_code = "active";
    view.reason = "it is being delivered now";
    view.remedy = "the end of the attempt";
  } else if (row.state == "scheduled") {
    explain_wait(view, row, record);
  } else {
    view.reason_code = "ready";
    view.reason = "it waits for a connection to its site";
    view.remedy = "a free connection of its lane";
  }
}

}  // namespace bulkhead::queue

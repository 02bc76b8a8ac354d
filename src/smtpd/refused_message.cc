#include "src/smtpd/refused_message.h"

#include "src/base/log.h"

namespace bulkhead::smtpd {

void record_refused_message(Conversation& conversation, const smtp::Reply& reply) {
  auto& services = conversation.services;
  ++services.census.counters().messages_refused;
  if (conversation.rejected_events++ >= services.settings.rejected_events_max) return;
  auto rejected = conversation.event(trace::EventKind::kRejected);
  rejected.reply = escape_controls(reply.text());
  if (conversation.transaction) rejected.recipients = conversation.transaction->accepted;
  services.trace.record(std::move(rejected));
}

}  // namespace bulkhead::smtpd

#include "src/smtpd/conversation.h"

#include "src/base/log.h"
#include "src/smtpd/policy.h"

namespace bulkhead::smtpd {

std::string Conversation::host_name() const {
  const auto directory = snapshot();
  return std::string{greeting_name(*directory, arrival.ip, services.node_name)};
}

trace::Event Conversation::event(trace::EventKind event_kind) const {
  trace::Event event;
  event.at = services.clock.now();
  event.kind = event_kind;
  event.client_ip = client;
  event.arrival = arrival;
  event.protocol = to_string(kind);
  event.tls = tls;
  const auto* originator = signed_in ? &*signed_in : nullptr;
  if (transaction) {
    event.sender = transaction->sender.text();
    if (transaction->originator) originator = &*transaction->originator;
    if (transaction->tenant) event.tenant = *transaction->tenant;
  }
  if (originator != nullptr) {
    event.tenant = originator->account.tenant;
    event.account = originator->account.id;
    event.account_name = originator->account.address.text();
  }
  if (event.tenant.is_nil()) {
    const auto directory = snapshot();
    if (const auto* tenant = dedicated_tenant(*directory, arrival.ip)) event.tenant = tenant->id;
  }
  return event;
}

void Conversation::record_rejection(const smtp::Reply& reply, const mail::Address* recipient) {
  ++services.census.counters().messages_refused;
  if (rejected_events++ >= services.settings.rejected_events_max) return;
  auto rejected = event(trace::EventKind::kRejected);
  rejected.reply = escape_controls(reply.text());
  if (recipient != nullptr) {
    rejected.recipients.push_back(recipient->text());
    const auto directory = snapshot();
    const auto* domain = directory->domain_by_name(recipient->domain);
    // A domain that is not served here is as foreign as a remote one.
    const bool is_ours = domain != nullptr && directory->is_served_on(domain->tenant, arrival.ip);
    if (is_ours && !rejected.account) rejected.tenant = domain->tenant;
  }
  services.trace.record(std::move(rejected));
}

}  // namespace bulkhead::smtpd

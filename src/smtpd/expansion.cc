#include "src/smtpd/expansion.h"

#include "src/queue/message.h"

namespace bulkhead::smtpd {

namespace {

void add_remote(Transaction& transaction, mail::Recipient recipient) {
  transaction.is_sure_to_fit = true;
  if (!transaction.seen.insert(recipient.address.text()).second) return;
  transaction.recipients.push_back({std::move(recipient), std::nullopt});
}

void add_local(Transaction& transaction, const mail::Recipient& recipient, AccountId account) {
  if (!transaction.seen.insert(account.text()).second) return;
  transaction.recipients.push_back({recipient, account});
}

void add_mailbox(Transaction& transaction, const mail::Recipient& recipient, const tenants::Account& account) {
  if (account.quota_bytes == 0) transaction.is_sure_to_fit = true;
  add_local(transaction, recipient, account.id);
}

// What comes to a feedback address is read and not kept: it always fits.
void add_feedback(Transaction& transaction, const mail::Recipient& recipient, TenantId tenant) {
  transaction.is_sure_to_fit = true;
  add_local(transaction, recipient, queue::feedback_mailbox(tenant));
}

}  // namespace

void expand_into(Transaction& transaction, const mail::Recipient& recipient, const tenants::Resolution& resolution) {
  if (resolution.kind == tenants::Resolution::Kind::kRemote) return add_remote(transaction, recipient);
  if (resolution.is_feedback) add_feedback(transaction, recipient, resolution.tenant);
  for (const auto& account : resolution.accounts) {
    if (account.suspension == tenants::Suspension::kActive) add_mailbox(transaction, recipient, account);
  }
  for (const auto& forward : resolution.forwards) {
    mail::Recipient forwarded{forward, recipient.orcpt, recipient.notify};
    if (forwarded.orcpt.empty()) {
      const std::string_view type = recipient.address.needs_smtputf8() ? "utf-8;" : "rfc822;";
      forwarded.orcpt = std::string{type} + recipient.address.text();
    }
    add_remote(transaction, std::move(forwarded));
  }
}

}  // namespace bulkhead::smtpd

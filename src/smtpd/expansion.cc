#include "src/smtpd/expansion.h"

namespace bulkhead::smtpd {

namespace {

void add_remote(Transaction& transaction, mail::Recipient recipient) {
  transaction.is_sure_to_fit = true;
  if (!transaction.seen.insert(recipient.address.text()).second) return;
  transaction.recipients.push_back({std::move(recipient), std::nullopt});
}

void add_local(Transaction& transaction, const mail::Recipient& recipient, const tenants::Account& account) {
  if (account.quota_bytes == 0) transaction.is_sure_to_fit = true;
  if (!transaction.seen.insert(account.id.text()).second) return;
  transaction.recipients.push_back({recipient, account.id});
}

}  // namespace

void expand_into(Transaction& transaction, const mail::Recipient& recipient, const tenants::Resolution& resolution) {
  if (resolution.kind == tenants::Resolution::Kind::kRemote) return add_remote(transaction, recipient);
  for (const auto& account : resolution.accounts) {
    if (account.suspension == tenants::Suspension::kActive) add_local(transaction, recipient, account);
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

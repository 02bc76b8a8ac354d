#include "src/smtpd/policy.h"

#include <algorithm>

namespace bulkhead::smtpd {

namespace {

using tenants::Suspension;

// The queue numbers the recipients of a message with 16 bits.
constexpr std::uint32_t kRecipientsCeiling = 50000;
constexpr std::uint32_t kRecipientsDefault = 1000;

bool is_suspended(const tenants::Tenant* tenant) {
  return tenant == nullptr || tenant->suspension == Suspension::kSuspended;
}

}  // namespace

std::string_view greeting_name(const tenants::Snapshot& directory, const IpAddress& arrival, std::string_view node) {
  const auto* address = directory.address(arrival);
  return address != nullptr && !address->helo.empty() ? std::string_view{address->helo} : node;
}

const tenants::Tenant* dedicated_tenant(const tenants::Snapshot& directory, const IpAddress& arrival) {
  const auto* address = directory.address(arrival);
  return address != nullptr && address->tenant ? directory.tenant(*address->tenant) : nullptr;
}

bool may_act_on(const tenants::Snapshot& directory, const tenants::Account& account, const IpAddress& arrival) {
  return directory.is_served_on(account.tenant, arrival) && account.suspension == Suspension::kActive &&
         !is_suspended(directory.tenant(account.tenant));
}

Refused check_originator(const tenants::Snapshot& directory, const tenants::Account& account) {
  if (account.suspension == Suspension::kSuspended) {
    return smtp::Reply(550, "5.7.1", "This account is suspended: ask your administrator");
  }
  if (is_suspended(directory.tenant(account.tenant))) {
    return smtp::Reply(550, "5.7.1", "Sending is suspended for your organisation: ask your provider");
  }
  return std::nullopt;
}

std::uint64_t message_size_max(const Settings& settings, const tenants::Tenant* tenant) {
  return tenant == nullptr ? settings.message_size_max : std::min(settings.message_size_max, tenant->message_size_max);
}

std::uint64_t recipient_size_max(std::uint64_t size_max, const tenants::Resolution& resolution) {
  const bool is_kept = !resolution.is_feedback || !resolution.accounts.empty() || !resolution.forwards.empty();
  return is_kept ? size_max : std::min(size_max, kFeedbackSizeMax);
}

std::uint64_t transaction_size_max(const Conversation& conversation) {
  const auto directory = conversation.snapshot();
  const auto& transaction = *conversation.transaction;
  const auto size_max = message_size_max(conversation.services.settings, directory->tenant(*transaction.tenant));
  const bool is_only_read = std::ranges::all_of(transaction.recipients, [&](const auto& recipient) {
    return recipient.local && directory->tenant(TenantId{recipient.local->ulid()}) != nullptr;
  });
  return is_only_read ? std::min(size_max, kFeedbackSizeMax) : size_max;
}

std::uint32_t recipients_max(const tenants::Tenant* tenant) {
  return tenant == nullptr ? kRecipientsDefault : std::min(tenant->recipients_max, kRecipientsCeiling);
}

Refused check_declared_size(std::uint64_t declared, std::uint64_t size_max) {
  if (declared <= size_max) return std::nullopt;
  return too_big(size_max);
}

Refused check_inbound(const tenants::Snapshot& directory, const tenants::Resolution& resolution,
                      const IpAddress& arrival) {
  if (resolution.kind == tenants::Resolution::Kind::kRemote) return relay_denied();
  if (!directory.is_served_on(resolution.tenant, arrival)) return relay_denied();
  if (is_suspended(directory.tenant(resolution.tenant))) {
    return smtp::Reply(450, "4.2.1", "This domain takes no mail at the moment: try again later");
  }
  return std::nullopt;
}

Refused check_resolution(const tenants::Snapshot& directory, const tenants::Resolution& resolution) {
  using Kind = tenants::Resolution::Kind;
  if (resolution.kind == Kind::kRemote) return std::nullopt;
  if (resolution.kind == Kind::kLoop) {
    return smtp::Reply(550, "5.4.6", "This address leads in a circle or to too many others");
  }
  if (resolution.kind == Kind::kSuspended) {
    return smtp::Reply(450, "4.2.1", "This mailbox takes no mail at the moment: try again later");
  }
  if (resolution.is_feedback) return std::nullopt;
  const bool is_empty = resolution.accounts.empty() && resolution.forwards.empty();
  if (resolution.kind == Kind::kUnknown || is_empty) return smtp::Reply(550, "5.1.1", "No such recipient here");
  const bool has_active = std::any_of(resolution.accounts.begin(), resolution.accounts.end(), [&](const auto& account) {
    return account.suspension == Suspension::kActive && !is_suspended(directory.tenant(account.tenant));
  });
  if (!has_active && resolution.forwards.empty()) {
    return smtp::Reply(450, "4.2.1", "This mailbox takes no mail at the moment: try again later");
  }
  return std::nullopt;
}

smtp::Reply relay_denied() {
  return smtp::Reply(550, "5.7.1", "Relaying denied: this server is not responsible for that domain; sign in to send");
}

smtp::Reply too_big(std::uint64_t size_max) {
  return smtp::Reply(552, "5.3.4", "The message is too big: at most " + std::to_string(size_max) + " octets");
}

smtp::Reply temporary_failure(const Error& error) {
  if (error.code == ErrorCode::kFull) return smtp::Reply(452, "4.3.1", "No space for mail now: try again later");
  return smtp::Reply(451, "4.3.0", "The server cannot do this now: try again later");
}

}  // namespace bulkhead::smtpd

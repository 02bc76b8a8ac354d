#include "src/smtpd/reputation_check.h"

#include <fmt/format.h>

#include "src/base/client_network.h"

namespace bulkhead::smtpd {

namespace {

constexpr std::chrono::milliseconds kTarpit{5000};
constexpr std::size_t kNameMax = 320;

std::string case_of(const reputation::Restriction& restriction) {
  return restriction.case_id.empty() ? std::string{} : fmt::format(", case {}", restriction.case_id);
}

std::optional<reputation::Restriction> quarantine_of(const SmtpServices& services, const tenants::Account& account) {
  if (services.restrictions == nullptr) return std::nullopt;
  const auto current = services.restrictions->current();
  const auto* found = current->of_account(account.id, account.tenant);
  if (found == nullptr || !found->is_quarantine()) return std::nullopt;
  return *found;
}

// Who is charged, or for mail from outside the client alone.
reputation::Sender sender_of(const Conversation& conversation, const Originator* originator) {
  reputation::Sender sender;
  sender.client = client_network(conversation.client);
  if (originator == nullptr) return sender;
  const auto& account = originator->account;
  const auto directory = conversation.snapshot();
  sender.tenant = account.tenant;
  sender.account = account.id;
  sender.account_name = account.address.text();
  sender.plan = to_string(netpolicy::Limiter::plan_of(*directory, account, conversation.services.clock.now()));
  if (conversation.transaction && conversation.transaction->sender.address) {
    sender.domain = conversation.transaction->sender.address->domain;
  }
  return sender;
}

const Originator* originator_of(const Conversation& conversation) {
  if (conversation.transaction && conversation.transaction->originator) return &*conversation.transaction->originator;
  return conversation.signed_in ? &*conversation.signed_in : nullptr;
}

}  // namespace

Refused check_client(const SmtpServices& services, const IpAddress& client, ListenerKind kind) {
  if (services.restrictions == nullptr) return std::nullopt;
  const auto current = services.restrictions->current();
  const auto* found = current->of_client(client_network(client));
  if (found == nullptr || !found->is_quarantine()) return std::nullopt;
  const std::string text = "Your address is blocked for now because of what came from it" + case_of(*found);
  return kind == ListenerKind::kSmtp ? smtp::Reply(421, "4.7.1", text) : smtp::Reply(554, "5.7.1", text);
}

Refused check_account(const SmtpServices& services, const tenants::Account& account) {
  const auto found = quarantine_of(services, account);
  if (!found) return std::nullopt;
  return smtp::Reply(550, "5.7.1",
                     "Sending from your account is stopped because of unusual activity: change your password and "
                     "contact your provider" +
                         case_of(*found));
}

Refused check_sign_in(const SmtpServices& services, const tenants::Account& account) {
  const auto found = quarantine_of(services, account);
  if (!found || !found->locks_sign_in) return std::nullopt;
  return smtp::Reply(535, "5.7.13",
                     "Your account is locked because of unusual activity: contact your provider" + case_of(*found));
}

std::chrono::milliseconds sign_in_delay(const SmtpServices& services, const IpAddress& client) {
  if (services.restrictions == nullptr) return {};
  const auto current = services.restrictions->current();
  return current->of_client(client_network(client)) == nullptr ? std::chrono::milliseconds{} : kTarpit;
}

std::optional<reputation::Report> submission_report(const Conversation& conversation) {
  if (conversation.services.reports == nullptr) return std::nullopt;
  const auto& transaction = *conversation.transaction;
  reputation::SubmissionReport submission;
  submission.recipients.reserve(transaction.recipients.size());
  for (const auto& recipient : transaction.recipients) {
    submission.recipients.push_back(reputation::distinct_hash(recipient.recipient.address.text()));
  }
  const auto* originator = transaction.originator ? &*transaction.originator : nullptr;
  submission.message = transaction.id;
  return reputation::Report{sender_of(conversation, originator), std::move(submission)};
}

void report(const SmtpServices& services, std::optional<reputation::Report> report) {
  if (services.reports != nullptr && report) services.reports->add(std::move(*report));
}

void report_unknown_recipient(const Conversation& conversation, const mail::Address& recipient) {
  if (conversation.services.reports == nullptr) return;
  report(conversation.services,
         reputation::Report{sender_of(conversation, originator_of(conversation)),
                            reputation::UnknownRecipientReport{recipient.text().substr(0, kNameMax)}});
}

void report_sign_in(const Conversation& conversation, const SignInTry& attempt) {
  if (conversation.services.reports == nullptr) return;
  std::optional<Originator> originator;
  if (attempt.account != nullptr) originator = Originator{*attempt.account, attempt.is_successful};
  report(conversation.services,
         reputation::Report{
             sender_of(conversation, originator ? &*originator : nullptr),
             reputation::SignInReport{std::string{attempt.name.substr(0, kNameMax)}, attempt.is_successful}});
}

}  // namespace bulkhead::smtpd

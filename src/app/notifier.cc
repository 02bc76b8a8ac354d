#include "src/app/notifier.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/app/monitor_notices.h"
#include "src/mail/address.h"

namespace bulkhead::app {

namespace {

using cases::Case;

constexpr std::chrono::milliseconds kRound{1000};

std::string state_of(const Case& one) {
  switch (one.status) {
    case Case::Status::kReleased:
      return "is free again: a person has released it";
    case Case::Status::kExpired:
      return "is free again: its time was over";
    case Case::Status::kReported:
      return "would be restricted, if the rule were not in shadow or an exemption did not hold";
    case Case::Status::kOpen:
    case Case::Status::kClosed:
      return fmt::format("is {}", to_string(one.state));
  }
  return "has changed";
}

std::string commands_of(const Case& one, bool is_operator) {
  const std::string id = one.id.text();
  std::string text = fmt::format("\nLook:       bulkhead case show {}\n", id);
  if (!one.is_open()) return text;
  if (!is_operator) return text + "To undo it, ask your provider and name the case.\n";
  return text + fmt::format("Undo:       bulkhead case release {0}\nThrow away: bulkhead case purge {0}\n", id);
}

// The domain that the tenant has longest.
const tenants::Domain* first_domain(const tenants::Snapshot& directory, const TenantId& tenant) {
  const tenants::Domain* first = nullptr;
  for (const auto& domain : directory.domains()) {
    if (domain.tenant == tenant && (first == nullptr || domain.id < first->id)) first = &domain;
  }
  return first;
}

}  // namespace

std::optional<Notice> notice_of(const Case& changed, bool is_operator) {
  // That somebody has seen to it is no news; what only a rule in shadow says is for the operator.
  if (changed.status == Case::Status::kClosed) return std::nullopt;
  if (changed.status == Case::Status::kReported && !is_operator) return std::nullopt;
  Notice notice;
  notice.is_case = true;
  // Guessers come by the dozen; what stops people's mail is another matter.
  const bool is_quarantine = changed.is_open() && changed.state == reputation::State::kQuarantined;
  notice.is_urgent = is_quarantine && changed.key.kind != reputation::KeyKind::kClient;
  notice.about = changed.id.text();
  notice.subject = fmt::format("{} {} {}", to_string(changed.key.kind), changed.name, state_of(changed));
  notice.text = notice.subject + ".\n\n" + changed.words + "\n";
  if (changed.is_acting()) notice.text += fmt::format("\nThis ends by itself at {}.\n", to_rfc3339(changed.until));
  if (changed.clients.size() > 1) {
    notice.text += fmt::format("It came from {}.\n", fmt::join(changed.clients, ", "));
  } else if (!changed.client.empty()) {
    notice.text += fmt::format("The last of it came from {}.\n", changed.client);
  }
  notice.text += commands_of(changed, is_operator);
  return notice;
}

void Notifier::change_settings(Configuration::Notify settings) {
  settings_ = std::move(settings);
  has_complained_ = false;
}

void Notifier::case_changed(const Case& changed) {
  tell_operator(notice_of(changed, true));
  tell_tenant(changed.tenant, notice_of(changed, false));
}

void Notifier::listing_changed(const listings::Transition& transition) {
  const auto notice = notice_of(transition);
  tell_operator(notice);
  tell_tenant(owner_of(*parts_.directory.snapshot(), transition.subject), notice);
}

void Notifier::readiness_changed(const netpolicy::ReadinessChange& change) {
  tell_operator(notice_of(change, true));
  tell_tenant(owner_of(*parts_.directory.snapshot(), subject_of(change.subject)), notice_of(change, false));
}

void Notifier::tell_operator(std::optional<Notice> notice) {
  if (!notice || settings_.operator_address.empty()) return;
  plan_.add(Audience{}, std::move(*notice), parts_.clock.steady());
}

void Notifier::tell_tenant(const TenantId& tenant, std::optional<Notice> notice) {
  if (!notice || tenant.is_nil() || !settings_.tells_tenants) return;
  plan_.add(tenant, std::move(*notice), parts_.clock.steady());
}

TenantId house_tenant(const tenants::Snapshot& directory, const Configuration::Notify& settings) {
  if (const auto* tenant = directory.tenant_by_name(settings.tenant)) return tenant->id;
  const auto address = mail::Address::parse(settings.operator_address);
  const auto* domain = address ? directory.domain_by_name(address->domain) : nullptr;
  return domain != nullptr ? domain->tenant : TenantId{};
}

Notifier::Destination Notifier::destination_of(const Audience& audience) const {
  const auto directory = parts_.directory.snapshot();
  const TenantId house = house_tenant(*directory, settings_);
  if (audience.is_nil()) return {settings_.operator_address, house};
  const auto* tenant = directory->tenant(audience);
  if (tenant == nullptr) return {};
  const TenantId owner = house.is_nil() ? audience : house;
  if (!tenant->postmaster.empty()) return {tenant->postmaster, owner};
  const auto* domain = first_domain(*directory, audience);
  return {domain != nullptr ? "postmaster@" + domain->name : "", owner};
}

queue::NewMessage Notifier::make_message(const NoticeMail& mail, const Destination& destination) const {
  queue::NewMessage made;
  queue::Message& message = made.message;
  message.id = MessageId::make(parts_.clock, parts_.random);
  message.tenant = destination.tenant;
  message.protocol = "internal";
  message.sender.body = mail.is_8bit ? mail::Body::k8BitMime : mail::Body::k7Bit;
  message.subject = mail.subject;
  message.message_id = mail.message_id;
  message.size = mail.text.size();
  message.queued_at = parts_.clock.now();
  message.expires_at = message.queued_at + parts_.expire_after;
  made.body = parts_.store.new_blob();
  return made;
}

Task<Status> Notifier::send(DueNotices due, Destination destination) {
  const auto parsed = mail::Address::parse(destination.address);
  if (!parsed) co_return fail(ErrorCode::kInvalid, "'" + destination.address + "' is no address");
  auto resolving = resolve_(parts_.shard, destination.tenant, *parsed);
  auto recipients = co_await std::move(resolving);
  if (!recipients) co_return fail(recipients.error());
  if (recipients->empty()) co_return fail(ErrorCode::kNotFound, destination.address + " is unknown here");
  const std::string unique = "notice." + MessageId::make(parts_.clock, parts_.random).text();
  const NoticeMail mail = compose({parts_.node_name, destination.address, unique, parts_.clock.now()}, due);
  queue::NewMessage message = make_message(mail, destination);
  message.message.recipients = std::move(*recipients);
  if (auto written = message.body->append(mail.text); !written) co_return written;
  auto accepting = parts_.queue.accept(parts_.shard, std::move(message));
  Status accepted = co_await std::move(accepting);
  co_return accepted;
}

Task<void> Notifier::run(net::TaskGroup& group) {
  for (;;) {
    auto sleeping = parts_.shard.sleep(kRound, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
    auto all = plan_.take_due(parts_.clock.steady());
    for (auto& due : all) {
      const Destination destination = destination_of(due.audience);
      if (destination.address.empty()) continue;
      if (destination.tenant.is_nil()) {
        if (!std::exchange(has_complained_, true)) {
          parts_.log.warning(
              "the operator is not told by mail: {} is not of a domain here; name a tenant in notify.tenant",
              destination.address);
        }
        continue;
      }
      DueNotices copy = due;
      auto sending = send(std::move(copy), destination);
      const Status sent = co_await std::move(sending);
      if (sent) continue;
      parts_.log.warning("a notice to {} cannot be sent: {}", destination.address, sent.error().message);
      if (sent.error().permanence() == Permanence::kTemporary) plan_.put_back(std::move(due), parts_.clock.steady());
    }
  }
}

}  // namespace bulkhead::app

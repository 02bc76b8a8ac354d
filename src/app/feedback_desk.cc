#include "src/app/feedback_desk.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/app/complainant.h"

namespace bulkhead::app {

namespace {

using trace::EventKind;

constexpr std::size_t kRecentMax = 10000;

char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return lower_case(c); });
  return text;
}

bool is_same_address(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower_case(x) == lower_case(y); });
}

bool contains(const std::vector<std::string>& addresses, std::string_view address) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const auto& each) { return is_same_address(each, address); });
}

bool was_delivered_to(const std::vector<trace::Event>& deliveries, std::string_view address) {
  return std::any_of(deliveries.begin(), deliveries.end(),
                     [&](const auto& event) { return contains(event.recipients, address); });
}

bool was_reported(const std::vector<trace::Event>& reports, EventKind kind, std::string_view address) {
  return std::any_of(reports.begin(), reports.end(), [&](const auto& event) {
    return event.kind == kind && (address.empty() || contains(event.recipients, address));
  });
}

// Whom we trust least: the reporter's own words, fit to show.
std::string reporter_of(const queue::Message& report) {
  const auto text = report.sender.text();
  return text.empty() || text == "<>" ? std::string{"a server"} : escape_controls(text, 120);
}

}  // namespace

Result<std::string> FeedbackDesk::read(const queue::Message& message) const {
  const auto size = std::min<std::uint64_t>(message.size, mail::Report::kMessageMax);
  if (const auto body = parts_.store.recent_body(message.body)) return std::string{body.bytes.substr(0, size)};
  return parts_.store.read_blob(message.body, 0, size);
}

Result<std::optional<FeedbackDesk::Sent>> FeedbackDesk::find(const TenantId& tenant, const MessageId& id) const {
  const auto events = parts_.trace.of_message(tenant, id);
  if (!events) return fail(events.error());
  std::optional<trace::Event> received;
  Sent sent;
  for (const auto& event : *events) {
    if (event.kind == EventKind::kReceived && !received) received = event;
    if (event.kind == EventKind::kDelivered && !event.remote.empty()) sent.deliveries.push_back(event);
    if (event.kind == EventKind::kComplained || event.kind == EventKind::kReturned) sent.reports.push_back(event);
  }
  if (!received || sent.deliveries.empty()) return std::optional<Sent>{};
  sent.received = std::move(*received);
  return std::optional{std::move(sent)};
}

// In whole minutes, so that the table is emptied again: it holds at most a tenant for each report of a minute.
bool FeedbackDesk::may_read(const TenantId& tenant) {
  const std::lock_guard lock{mutex_};
  const auto now = parts_.clock.steady();
  if (now - minute_ >= std::chrono::minutes{1}) {
    minute_ = now;
    reports_.clear();
  }
  return ++reports_[tenant] <= kReportsMax;
}

// Whether nothing was counted under this name lately; a further try of the same report counts again, silently.
bool FeedbackDesk::is_first(const std::string& what, const MessageId& report, bool& is_retry) {
  const std::lock_guard lock{mutex_};
  const auto [at, is_new] = recent_.emplace(what, report);
  is_retry = !is_new && at->second == report;
  if (!is_new) return is_retry;
  order_.push_back(what);
  if (order_.size() > kRecentMax) {
    recent_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

trace::Event FeedbackDesk::event_of(const Sent& sent, EventKind kind,
                                    const std::vector<std::string>& recipients) const {
  trace::Event event;
  event.at = parts_.clock.now();
  event.kind = kind;
  event.id = sent.received.id;
  event.tenant = sent.received.tenant;
  event.account = sent.received.account;
  event.account_name = sent.received.account_name;
  event.client_ip = sent.received.client_ip;
  event.source = sent.deliveries.front().source;
  event.sender = sent.received.sender;
  event.recipients = recipients;
  event.message_id = sent.received.message_id;
  event.subject = sent.received.subject;
  return event;
}

void FeedbackDesk::tell(const Sent& sent, const trace::Event& event, std::string status) const {
  if (!parts_.on_feedback) return;
  Feedback feedback;
  feedback.kind = event.kind == EventKind::kComplained ? Feedback::Kind::kComplaint : Feedback::Kind::kBounce;
  feedback.tenant = event.tenant;
  feedback.account = event.account.value_or(AccountId{});
  feedback.account_name = event.account_name;
  feedback.sender = event.sender;
  feedback.client = sent.received.client_ip.value_or(IpAddress{});
  feedback.source = event.source.value_or(IpAddress{});
  feedback.message = event.id;
  feedback.recipients = event.recipients;
  if (feedback.kind == Feedback::Kind::kComplaint) {
    std::vector<std::string> readers;
    for (const auto& delivery : sent.deliveries) {
      readers.insert(readers.end(), delivery.recipients.begin(), delivery.recipients.end());
    }
    feedback.people = people_of(readers);
  }
  feedback.status = std::move(status);
  feedback.text = event.detail;
  parts_.on_feedback(feedback);
}

void FeedbackDesk::count(const TenantId& tenant, std::string_view outcome) const {
  const auto directory = parts_.directory.snapshot();
  const auto* found = directory->tenant(tenant);
  parts_.metrics.feedback_report(found != nullptr ? found->name : std::string{}, outcome);
}

Result<FeedbackDesk::Events> FeedbackDesk::take_complaint(const queue::Message& report, const TenantId& tenant,
                                                          const mail::Complaint& complaint) {
  Events events;
  if (!complaint.is_against()) {
    count(tenant, "neutral");
    return events;
  }
  for (const auto& id : complaint.original.ids) {
    const auto found = find(tenant, id);
    if (!found) return fail(found.error());
    if (!*found) continue;
    const Sent& sent = **found;
    std::vector<std::string> recipients;
    for (const auto& recipient : complaint.recipients) {
      const bool is_new = !contains(recipients, recipient);
      if (is_new && was_delivered_to(sent.deliveries, recipient)) recipients.push_back(recipient);
    }
    if (recipients.empty() && !complaint.recipients.empty()) continue;
    bool is_retry = false;
    const bool is_known = was_reported(sent.reports, EventKind::kComplained, "");
    if (is_known || !is_first("complaint " + id.text(), report.id, is_retry)) {
      count(tenant, "repeated");
      return events;
    }
    auto event = event_of(sent, EventKind::kComplained, recipients);
    event.detail = fmt::format("a recipient's complaint ({}), reported by {}",
                               escape_controls(complaint.feedback_type, 40), reporter_of(report));
    if (!is_retry) {
      count(tenant, "complaint");
      tell(sent, event, {});
    }
    events.push_back(std::move(event));
    return events;
  }
  count(tenant, "unproven");
  return events;
}

Result<FeedbackDesk::Events> FeedbackDesk::take_bounce(const queue::Message& report, const TenantId& tenant,
                                                       const mail::BounceReport& bounce) {
  Events events;
  for (const auto& id : bounce.original.ids) {
    const auto found = find(tenant, id);
    if (!found) return fail(found.error());
    if (!*found) continue;
    const Sent& sent = **found;
    bool is_proven = false;
    std::set<std::string> named;  // in this report
    for (const auto& recipient : bounce.recipients) {
      const bool is_final = was_delivered_to(sent.deliveries, recipient.address);
      const auto& address = is_final ? recipient.address : recipient.original_address;
      if (recipient.action != "failed" || !was_delivered_to(sent.deliveries, address)) continue;
      is_proven = true;
      const auto key = lower_case(address);
      if (!named.insert(key).second) continue;
      bool is_retry = false;
      const bool is_known = was_reported(sent.reports, EventKind::kReturned, address);
      if (is_known || !is_first("bounce " + id.text() + " " + key, report.id, is_retry)) {
        count(tenant, "repeated");
        continue;
      }
      auto event = event_of(sent, EventKind::kReturned, {address});
      event.reply = escape_controls(fmt::format("{} {}", recipient.status, recipient.diagnostic), 500);
      event.detail = fmt::format("not delivered after all, says {}", reporter_of(report));
      if (!is_retry) {
        count(tenant, "bounce");
        tell(sent, event, recipient.status);
      }
      events.push_back(std::move(event));
    }
    if (is_proven) return events;
  }
  count(tenant, "unproven");
  return events;
}

Result<FeedbackDesk::Events> FeedbackDesk::take(const queue::Message& message, const TenantId& tenant) {
  if (!may_read(tenant)) {
    count(tenant, "too_many");
    return Events{};
  }
  const auto body = read(message);
  if (!body && body.error().code != ErrorCode::kCorrupt) return fail(body.error());
  const auto report = body ? mail::parse_report(*body) : fail(body.error());
  if (report) {
    if (const auto complaint = mail::complaint_in(*report)) return take_complaint(message, tenant, *complaint);
    if (const auto bounce = mail::bounce_in(*report)) return take_bounce(message, tenant, *bounce);
  }
  count(tenant, "unreadable");
  return Events{};
}

}  // namespace bulkhead::app

// Which deliveries a selector means.

#include <algorithm>
#include <charconv>

#include "src/queue/listing.h"

namespace bulkhead::queue {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_equal(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool contains(std::string_view text, std::string_view part) {
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(),
                                 [](char x, char y) { return lower(x) == lower(y); });
  return found != text.end();
}

bool matches_recipients(const Selector& selector, const Message& message, const std::vector<std::uint16_t>& pending) {
  if (selector.recipient.empty() && selector.recipient_domain.empty()) return true;
  return std::any_of(pending.begin(), pending.end(), [&](std::uint16_t index) {
    const auto& address = message.recipients[index].recipient.address;
    return (selector.recipient.empty() || is_equal(address.text(), selector.recipient)) &&
           (selector.recipient_domain.empty() || is_equal(address.domain, selector.recipient_domain));
  });
}

}  // namespace

bool is_lane_selector(const Selector& s) {
  return !s.client_ip && s.account.empty() && s.sender.empty() && s.recipient.empty() && s.recipient_domain.empty() &&
         s.subject.empty() && !s.older_than;
}

bool is_everything(const Selector& s) {
  return is_lane_selector(s) && !s.tenant && !s.id && !s.source && s.site.empty() && s.state.empty();
}

bool matches_row(const Queue::Parts& parts, const Selector& selector, const ListingRow& row) {
  if (selector.tenant && *selector.tenant != row.lane.tenant) return false;
  if (selector.id && *selector.id != row.key.message) return false;
  if (!selector.site.empty() && !is_equal(selector.site, row.lane.site)) return false;
  if (!selector.state.empty() && selector.state != row.state) return false;
  if (!selector.source) return true;
  return parts.source_preview && parts.source_preview(row.lane) == selector.source;
}

bool matches_message(const Selector& selector, const Message& message, const std::vector<std::uint16_t>& pending,
                     UtcTime now) {
  if (selector.client_ip && selector.client_ip != message.client_ip) return false;
  if (!selector.account.empty() && !is_equal(selector.account, message.account_name)) return false;
  if (!selector.sender.empty()) {
    const std::string sender = message.sender.text();
    if (!is_equal(selector.sender, sender) && !(selector.sender == "<>" && sender.empty())) return false;
  }
  if (!selector.subject.empty() && !contains(message.subject, selector.subject)) return false;
  if (selector.older_than && now - message.queued_at <= *selector.older_than) return false;
  return matches_recipients(selector, message, pending);
}

std::optional<DeliveryKey> parse_delivery_text(std::string_view text) {
  const auto slash = text.find('/');
  const auto id = MessageId::parse(text.substr(0, slash));
  if (!id || slash == std::string_view::npos) return std::nullopt;
  DeliveryKey key{*id, 0};
  const auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), key.index);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return key;
}

}  // namespace bulkhead::queue

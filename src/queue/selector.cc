#include "src/queue/selector.h"

#include <algorithm>

#include "src/queue/any_account.h"

namespace bulkhead::queue {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
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
    return (selector.recipient.empty() || is_equal_text(address.text(), selector.recipient)) &&
           (selector.recipient_domain.empty() || is_equal_text(address.domain, selector.recipient_domain));
  });
}

// "<>" and "" are written for the null sender; a selector's "" means that none was given.
std::string_view sender_text(std::string_view given) {
  return given == "<>" ? std::string_view{} : given;
}

bool matches_account(const Selector& selector, const Message& message) {
  if (selector.account == kAnyAccount) return message.account.has_value();
  if (selector.account_id) return message.account == selector.account_id;
  return selector.account.empty() || is_equal_text(selector.account, message.account_name);
}

// Each dimension as text, "" when it is not given.
std::vector<std::pair<std::string_view, std::string>> dimensions(const Selector& s) {
  std::string account = s.account;
  if (s.account_id && account.empty()) account = s.account_id->text();
  return {{"tenant", s.tenant ? s.tenant->text() : ""},
          {"account", std::move(account)},
          {"sender", s.sender},
          {"recipient", s.recipient},
          {"recipient_domain", s.recipient_domain},
          {"site", s.site},
          {"source", s.source ? s.source->text() : ""},
          {"client_ip", s.client_ip ? s.client_ip->text() : ""},
          {"state", s.state},
          {"older_than", s.older_than ? std::to_string(s.older_than->count()) + "s" : ""},
          {"subject", s.subject},
          {"id", s.id ? s.id->text() : ""}};
}

// As a shell takes it for one word, whatever is in it.
std::string shell_word(std::string_view value) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-:";
  if (value.find_first_not_of(kPlain) == std::string_view::npos) return std::string{value};
  std::string word = "'";
  for (const char c : value) word += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
  return word + "'";
}

}  // namespace

bool is_equal_text(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_everything(const Selector& selector) {
  const auto given = dimensions(selector);
  return std::all_of(given.begin(), given.end(), [](const auto& dimension) { return dimension.second.empty(); });
}

bool is_answered_by_entry(const Selector& s) {
  return (s.account.empty() || s.account_id) && s.recipient.empty() && s.subject.empty() && !s.older_than;
}

bool needs_message(const Selector& selector) {
  Selector rest = selector;
  if (rest.account == kAnyAccount) rest.account.clear();
  return !is_answered_by_entry(rest);
}

std::string text_of(const Selector& selector) {
  std::string text;
  for (const auto& [name, value] : dimensions(selector)) {
    if (!value.empty()) text += (text.empty() ? "" : " ") + std::string{name} + "=" + value;
  }
  return text.empty() ? "everything" : text;
}

std::string flags_of(const Selector& selector) {
  std::string text;
  for (const auto& [name, value] : dimensions(selector)) {
    if (value.empty()) continue;
    std::string flag{name};
    std::replace(flag.begin(), flag.end(), '_', '-');
    text += (text.empty() ? "--" : " --") + flag + " " + shell_word(value);
  }
  return text.empty() ? "--all" : text;
}

bool covers(const Selector& outer, const Selector& inner) {
  const auto a = dimensions(outer);
  const auto b = dimensions(inner);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].second.empty() && !is_equal_text(a[i].second, b[i].second)) return false;
  }
  return true;
}

bool are_disjoint(const Selector& a, const Selector& b) {
  const auto x = dimensions(a);
  const auto y = dimensions(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    // These two may both be true of a delivery although their texts differ.
    if (x[i].first == "subject" || x[i].first == "older_than") continue;
    if (x[i].first == "account" && (x[i].second == kAnyAccount || y[i].second == kAnyAccount)) continue;
    if (!x[i].second.empty() && !y[i].second.empty() && !is_equal_text(x[i].second, y[i].second)) return true;
  }
  return false;
}

bool matches_message(const Selector& selector, const Message& message, const std::vector<std::uint16_t>& pending,
                     UtcTime now) {
  if (selector.tenant && selector.tenant != message.tenant) return false;
  if (selector.client_ip && selector.client_ip != message.client_ip) return false;
  if (!matches_account(selector, message)) return false;
  if (!selector.sender.empty() && !is_equal_text(sender_text(selector.sender), message.sender.text())) return false;
  if (!selector.subject.empty() && !contains(message.subject, selector.subject)) return false;
  if (selector.older_than && now - message.queued_at <= *selector.older_than) return false;
  return matches_recipients(selector, message, pending);
}

}  // namespace bulkhead::queue

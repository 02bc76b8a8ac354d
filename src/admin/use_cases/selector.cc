#include "src/admin/use_cases/selector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/base/log.h"
#include "src/queue/any_account.h"

namespace bulkhead::admin {
namespace {

// Longer than anything is kept; what is counted back from now stays in the calendar.
constexpr std::chrono::seconds kDurationMax = std::chrono::hours{24} * 36'500;

constexpr std::array<std::string_view, 12> kSelectorNames{
    "tenant", "account",   "sender", "recipient",  "recipient_domain", "site",
    "source", "client_ip", "state",  "older_than", "subject",          "id"};

std::string given(const Call& call, std::string_view name) {
  return call.has(name) ? call.text(name) : call.in_query(name);
}

tl::unexpected<Error> malformed(std::string_view name, std::string_view expected) {
  return fail(ErrorCode::kInvalid, fmt::format("the selector {} is not {}", name, expected));
}

Status select_addresses(const Call& call, queue::Selector& selector) {
  if (const auto text = given(call, "source"); !text.empty()) {
    selector.source = IpAddress::parse(text);
    if (!selector.source) return malformed("source", "an IP address");
  }
  if (const auto text = given(call, "client_ip"); !text.empty()) {
    selector.client_ip = IpAddress::parse(text);
    if (!selector.client_ip) return malformed("client_ip", "an IP address");
  }
  return {};
}

// Selectors take no patterns: one that is meant as such would choose nothing without a word.
Status check_address(std::string_view name, std::string_view text) {
  const bool is_known = text.empty() || text == "<>" || queue::is_equal_text(text, "postmaster");
  const bool is_plain = !text.starts_with('*') && !text.starts_with('<') && text.find('@') != std::string_view::npos;
  return is_known || is_plain ? Status{} : malformed(name, "an address such as ann@acme.example");
}

Status check_domain(std::string_view text) {
  const bool is_plain = text.find_first_of("*@ ") == std::string_view::npos;
  return is_plain ? Status{} : malformed("recipient_domain", "one domain such as example.com; there are no patterns");
}

// A site's name is made of what the DNS says, which may be anything.
Status check_site(std::string_view text) {
  return text.starts_with('*') ? malformed("site", "one name, as queue list shows it; there are no patterns")
                               : Status{};
}

Status check_texts(const queue::Selector& selector) {
  for (const auto& checked : {check_address("sender", selector.sender), check_address("recipient", selector.recipient),
                              check_domain(selector.recipient_domain), check_site(selector.site)}) {
    if (!checked) return checked;
  }
  const auto& [recipient, domain] = std::tie(selector.recipient, selector.recipient_domain);
  const auto at = recipient.rfind('@');
  if (!domain.empty() && at != std::string::npos && !queue::is_equal_text(recipient.substr(at + 1), domain)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is not in the domain {}: nothing can be meant by both", escape_controls(recipient, 320),
                            escape_controls(domain, 320)),
                "leave one of them out");
  }
  return {};
}

Status select_id(const Call& call, queue::Selector& selector) {
  const auto text = given(call, "id");
  if (text.empty()) return {};
  selector.id = MessageId::parse(text);
  return selector.id ? Status{} : malformed("id", "a message id of 26 characters");
}

Status select_state(const Call& call, queue::Selector& selector) {
  selector.state = given(call, "state");
  for (const auto* known : {"", "ready", "active", "scheduled", "held"}) {
    if (selector.state == known) return {};
  }
  return malformed("state", "one of ready, active, scheduled, held");
}

std::optional<std::chrono::seconds> in_seconds(std::uint32_t count, std::string_view unit) {
  if (unit.empty() || unit == "s") return std::chrono::seconds{count};
  if (unit == "m") return std::chrono::minutes{count};
  if (unit == "h") return std::chrono::hours{count};
  if (unit == "d") return std::chrono::hours{24} * count;
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const auto seconds =
      in_seconds(count, std::string_view{end, static_cast<std::size_t>(text.data() + text.size() - end)});
  return seconds && *seconds <= kDurationMax ? seconds : std::nullopt;
}

Result<std::vector<queue::Selector>> queue_selectors(const AdminServices& services, const Call& call) {
  const auto scope = scope_of(services, call.caller, given(call, "tenant"));
  if (!scope) return fail(scope.error());
  queue::Selector selector;
  if (auto done = select_id(call, selector); !done) return fail(done.error());
  if (auto done = select_addresses(call, selector); !done) return fail(done.error());
  if (auto done = select_state(call, selector); !done) return fail(done.error());
  if (const auto text = given(call, "older_than"); !text.empty()) {
    selector.older_than = parse_duration(text);
    if (!selector.older_than) return malformed("older_than", "a duration such as 90s, 15m, 1h or 5d");
    if (selector.older_than == std::chrono::seconds{0})
      return malformed("older_than", "longer than 0: that is all mail");
  }
  selector.account = given(call, "account");
  selector.sender = given(call, "sender");
  selector.recipient = given(call, "recipient");
  selector.recipient_domain = given(call, "recipient_domain");
  selector.site = given(call, "site");
  selector.subject = given(call, "subject");
  if (auto done = check_texts(selector); !done) return fail(done.error());
  if (!scope->tenants) return std::vector{selector};
  std::vector<queue::Selector> selectors(scope->tenants->size(), selector);
  for (std::size_t i = 0; i < selectors.size(); ++i) selectors[i].tenant = (*scope->tenants)[i];
  return selectors;
}

bool has_selector(const Call& call) {
  const auto narrows = [&](std::string_view name) {
    const auto text = given(call, name);
    return !text.empty() && !(name == "account" && text == queue::kAnyAccount);
  };
  return std::ranges::any_of(kSelectorNames, narrows);
}

Status check_meant(const Call& call) {
  const bool is_for_all = call.is_true("all");
  if (has_selector(call)) {
    if (!is_for_all) return {};
    return fail(ErrorCode::kInvalid, "a selector and all contradict each other", "leave out one of them");
  }
  if (is_for_all) return {};
  if (call.has("account")) {
    return fail(ErrorCode::kInvalid, "account * is the mail of every account",
                "say --all with it, or choose by another selector too");
  }
  return fail(ErrorCode::kInvalid, "no selector was given, so everything would be meant",
              "say which mail, or --all for all");
}

void add_to(queue::Counts& sum, const queue::Counts& more) {
  sum.messages += more.messages;
  sum.deliveries += more.deliveries;
  sum.ready += more.ready;
  sum.active += more.active;
  sum.scheduled += more.scheduled;
  sum.held += more.held;
}

}  // namespace bulkhead::admin

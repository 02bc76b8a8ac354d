#include "src/admin/use_cases/selector.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"

namespace bulkhead::admin {
namespace {

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

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  if (unit.empty() || unit == "s") return std::chrono::seconds{count};
  if (unit == "m") return std::chrono::minutes{count};
  if (unit == "h") return std::chrono::hours{count};
  if (unit == "d") return std::chrono::hours{24} * count;
  return std::nullopt;
}

std::string sender_filter(const Call& call) {
  auto sender = given(call, "sender");
  const bool is_given = call.query.contains("sender") || (call.has("sender") && !call.is_null("sender"));
  return sender.empty() && is_given ? "<>" : sender;
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
  }
  selector.account = given(call, "account");
  selector.sender = sender_filter(call);
  selector.recipient = given(call, "recipient");
  selector.recipient_domain = given(call, "recipient_domain");
  selector.site = given(call, "site");
  selector.subject = given(call, "subject");
  if (!scope->tenants) return std::vector{selector};
  std::vector<queue::Selector> selectors(scope->tenants->size(), selector);
  for (std::size_t i = 0; i < selectors.size(); ++i) selectors[i].tenant = (*scope->tenants)[i];
  return selectors;
}

bool has_selector(const Call& call) {
  const auto is_given = [&](std::string_view name) { return !given(call, name).empty(); };
  return std::ranges::any_of(kSelectorNames, is_given) || call.has("sender");
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

#include "src/queue/directive.h"

#include "src/queue/record_codec.h"

namespace bulkhead::queue {
namespace {

constexpr std::uint8_t kVersion = 1;

enum Flag : std::uint64_t {
  kAndFuture = 1 << 0,
  kReportsToAll = 1 << 1,
  kHasTenant = 1 << 2,
  kHasId = 1 << 3,
  kHasSource = 1 << 4,
  kHasClientIp = 1 << 5,
  kHasAccountId = 1 << 6,
  kHasAge = 1 << 7,
  kHasBefore = 1 << 8,
};

std::uint64_t flags_of(const Directive& directive) {
  const Selector& s = directive.selector;
  std::uint64_t flags = 0;
  const auto set = [&flags](bool is_set, Flag flag) {
    if (is_set) flags |= flag;
  };
  set(directive.and_future, kAndFuture);
  set(directive.reports_to_all, kReportsToAll);
  set(s.tenant.has_value(), kHasTenant);
  set(s.id.has_value(), kHasId);
  set(s.source.has_value(), kHasSource);
  set(s.client_ip.has_value(), kHasClientIp);
  set(s.account_id.has_value(), kHasAccountId);
  set(s.older_than.has_value(), kHasAge);
  set(directive.before != 0, kHasBefore);
  return flags;
}

void write_selector(RecordWriter& out, const Selector& s) {
  if (s.tenant) out.id(*s.tenant);
  if (s.id) out.id(*s.id);
  if (s.source) out.ip(*s.source);
  if (s.client_ip) out.ip(*s.client_ip);
  if (s.account_id) out.id(*s.account_id);
  if (s.older_than) out.number(static_cast<std::uint64_t>(s.older_than->count()));
  for (const auto* text : {&s.account, &s.sender, &s.recipient, &s.recipient_domain, &s.site, &s.state, &s.subject}) {
    out.text(*text);
  }
}

Selector read_selector(RecordReader& in, std::uint64_t flags) {
  Selector s;
  if (flags & kHasTenant) s.tenant = in.id<TenantId>();
  if (flags & kHasId) s.id = in.id<MessageId>();
  if (flags & kHasSource) s.source = in.ip();
  if (flags & kHasClientIp) s.client_ip = in.ip();
  if (flags & kHasAccountId) s.account_id = in.id<AccountId>();
  if (flags & kHasAge) s.older_than = std::chrono::seconds{static_cast<std::int64_t>(in.number())};
  for (auto* text : {&s.account, &s.sender, &s.recipient, &s.recipient_domain, &s.site, &s.state, &s.subject}) {
    *text = in.text();
  }
  return s;
}

}  // namespace

std::string_view to_string(DirectiveAction action) {
  switch (action) {
    case DirectiveAction::kHold:
      return "hold";
    case DirectiveAction::kRelease:
      return "release";
    case DirectiveAction::kPurge:
      return "purge";
    default:
      return "bounce";
  }
}

std::string text_of(const Directive& directive) {
  return std::string{to_string(directive.action)} + " of " + text_of(directive.selector) +
         (directive.and_future ? " and what follows" : "") + " (" + directive.id.text() + ")";
}

std::string Directive::encode() const {
  std::string bytes;
  RecordWriter out{bytes};
  out.byte(kVersion);
  out.number(number);
  out.byte(static_cast<std::uint8_t>(action));
  out.number(flags_of(*this));
  out.time(given_at);
  out.text(by);
  out.number(deliveries);
  out.number(messages);
  if (before != 0) out.number(before);
  write_selector(out, selector);
  return bytes;
}

Result<Directive> Directive::decode(std::string_view bytes) {
  RecordReader in{bytes};
  if (in.byte() != kVersion) return fail(ErrorCode::kCorrupt, "a directive's record has an unknown version");
  Directive directive;
  directive.number = static_cast<std::uint32_t>(in.number());
  const std::uint8_t action = in.byte();
  if (action < 1 || action > 4) return fail(ErrorCode::kCorrupt, "a directive's action is unknown");
  directive.action = static_cast<DirectiveAction>(action);
  const std::uint64_t flags = in.number();
  directive.and_future = (flags & kAndFuture) != 0;
  directive.reports_to_all = (flags & kReportsToAll) != 0;
  directive.given_at = in.time();
  directive.by = in.text();
  directive.deliveries = in.number();
  directive.messages = in.number();
  if (flags & kHasBefore) directive.before = static_cast<std::uint32_t>(in.number());
  directive.selector = read_selector(in, flags);
  if (!in.is_good() || !in.is_at_end()) return fail(ErrorCode::kCorrupt, "a directive's record does not decode");
  return directive;
}

}  // namespace bulkhead::queue

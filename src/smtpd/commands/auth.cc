// AUTH (RFC 4954) with PLAIN and LOGIN, over TLS only.
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

namespace {

constexpr std::string_view kUnavailable = "unavailable";

// Who tried: what the client called himself, and the address in it, which may be nobody's.
struct Attempt {
  std::string user;
  mail::Address address;
};

// Why a sign-in of this account was refused, for the trace alone.
std::string_view reason_of(const Conversation& conversation, const tenants::Snapshot& directory,
                           const std::optional<tenants::Account>& account) {
  if (!account) return "unknown user";
  const auto* tenant = directory.tenant(account->tenant);
  if (account->suspension == tenants::Suspension::kSuspended) return "suspended";
  if (tenant == nullptr || tenant->suspension == tenants::Suspension::kSuspended) return "tenant suspended";
  if (!directory.is_served_on(account->tenant, conversation.arrival.ip)) return "not served on this address";
  return account->password_hash.empty() ? "no password set" : "wrong password";
}

// `account` is the one that has the address, if any: it or else its domain tells whose trace this belongs in.
void record_failure(Conversation& conversation, Attempt attempt, const std::optional<tenants::Account>& account,
                    std::string_view reason) {
  const auto directory = conversation.snapshot();
  auto failed = conversation.event(trace::EventKind::kLoginFailed);
  failed.account_name = std::move(attempt.user);
  failed.detail = reason.empty() ? reason_of(conversation, *directory, account) : reason;
  if (account) {
    failed.tenant = account->tenant;
    failed.account = account->id;
  } else if (const auto* domain = directory->domain_by_name(attempt.address.domain)) {
    failed.tenant = domain->tenant;
  }
  conversation.services.trace.record(std::move(failed));
}

// A refused sign-in looks the same, and takes as long, whatever the reason: unknown user, wrong password, suspended,
// or a tenant that this address does not serve. The account is looked up only after the password's hash, in the cache,
// where the sign-in has left it.
Task<Answer> refuse_sign_in(Conversation& conversation, Attempt attempt) {
  auto& services = conversation.services;
  ++services.census.counters().sign_ins_failed;
  mail::Address address = attempt.address;
  const auto found = co_await services.directory.account_by_address(services.shard, std::move(address));
  report_sign_in(conversation, {found && *found ? &**found : nullptr, attempt.user, false});
  const auto delay = services.guard.count_failure(conversation.client, attempt.user);
  if (found) {
    record_failure(conversation, std::move(attempt), *found, {});
  } else {
    record_failure(conversation, std::move(attempt), std::nullopt, "refused, the reason is not known");
  }
  const bool may_go_on = co_await services.pacer.pause(delay);
  if (!may_go_on) {
    co_return Answer{smtp::Reply(421, "4.3.2", "The server is stopping"), Next::kClose};
  }
  if (++conversation.sign_in_failures >= services.settings.sign_in_failures_max) {
    co_return Answer{smtp::Reply(421, "4.7.0", "Too many failed sign-ins"), Next::kClose};
  }
  co_return Answer{smtp::Reply(535, "5.7.8", "User name or password is wrong")};
}

Answer signed_in(Conversation& conversation, tenants::Account account, std::string_view user) {
  auto& services = conversation.services;
  report_sign_in(conversation, {&account, user, true});
  conversation.signed_in = Originator{std::move(account), true};
  conversation.sign_in_failures = 0;
  services.guard.succeeded(conversation.client, user);
  ++services.census.counters().sign_ins;
  services.trace.record(conversation.event(trace::EventKind::kLogin));
  return {smtp::Reply(235, "2.7.0", "Signed in")};
}

Task<Answer> verify(Conversation& conversation, sasl::Credentials credentials) {
  auto& services = conversation.services;
  if (services.guard.is_blocked(conversation.client, credentials.user)) {
    co_return Answer{smtp::Reply(421, "4.7.0", "Too many failed sign-ins from your address: try again later"),
                     Next::kClose};
  }
  if (auto unwelcome = check_client(services, conversation.client, ListenerKind::kSmtp)) {
    co_return Answer{std::move(*unwelcome), Next::kClose};
  }
  if (const auto delay = sign_in_delay(services, conversation.client); delay.count() > 0) {
    const bool may_go_on = co_await services.pacer.pause(delay);
    if (!may_go_on) co_return Answer{smtp::Reply(421, "4.3.2", "The server is stopping"), Next::kClose};
  }
  // A name that is no address is verified all the same, against an account that cannot exist, to take the same time.
  auto user = mail::Address::parse(credentials.user);
  mail::Address address = user ? std::move(*user) : mail::Address{"nobody", "invalid"};
  Attempt attempt{std::move(credentials.user), address};
  const auto directory = conversation.snapshot();
  auto account =
      co_await services.directory.sign_in(services.shard, std::move(address), std::move(credentials.password));
  if (!account) {
    record_failure(conversation, std::move(attempt), std::nullopt, kUnavailable);
    co_return Answer{smtp::Reply(454, "4.7.0", "Signing in is not possible now: try again later")};
  }
  if (!*account || !may_act_on(*directory, **account, conversation.arrival.ip)) {
    co_return co_await refuse_sign_in(conversation, std::move(attempt));
  }
  if (auto locked = check_sign_in(services, **account)) {
    record_failure(conversation, std::move(attempt), *account, "locked while it is quarantined");
    co_return Answer{std::move(*locked)};
  }
  co_return signed_in(conversation, std::move(**account), attempt.user);
}

Task<Answer> take(Conversation& conversation, sasl::Step step) {
  using Kind = sasl::Step::Kind;
  if (step.kind == Kind::kChallenge) co_return Answer{smtp::Reply(334, "", step.challenge)};
  conversation.sasl.reset();
  if (step.kind == Kind::kCancelled) co_return Answer{smtp::Reply(501, "5.7.0", "Sign-in cancelled")};
  if (step.kind == Kind::kMalformed) co_return Answer{smtp::Reply(501, "5.5.2", step.error)};
  co_return co_await verify(conversation, std::move(step.credentials));
}

}  // namespace

Task<Answer> auth(Conversation& conversation, smtp::Command command) {
  const auto& arguments = std::get<smtp::AuthArguments>(command.arguments);
  if (conversation.signed_in) co_return Answer{smtp::Reply(503, "5.5.1", "You are signed in already")};
  if (conversation.tls.empty()) {
    co_return Answer{smtp::Reply(538, "5.7.11", "Passwords are taken over TLS only: say STARTTLS first")};
  }
  conversation.sasl = sasl::Exchange::begin(arguments.mechanism);
  if (!conversation.sasl) co_return Answer{smtp::Reply(504, "5.5.4", "Unknown mechanism: use PLAIN or LOGIN")};
  auto step = conversation.sasl->start(arguments.initial);
  co_return co_await take(conversation, std::move(step));
}

Task<Answer> auth_response(Conversation& conversation, std::string line) {
  auto step = conversation.sasl->respond(line);
  co_return co_await take(conversation, std::move(step));
}

}  // namespace bulkhead::smtpd

#include "src/admin/use_cases/account_fields.h"

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/views.h"
#include "tenants/password.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kPasswordMin = 8;
constexpr std::size_t kPasswordMax = 256;
constexpr std::size_t kNetworksMax = 1000;

// Only the operator: on a shared address, a network claimed by one tenant would catch other tenants' clients.
Status set_client_networks(const Call& call, tenants::Account& account) {
  if (!call.has("client_networks")) return {};
  if (auto allowed = require_operator(call.caller, "set client networks"); !allowed) return allowed;
  const auto texts = call.texts("client_networks");
  if (texts.size() > kNetworksMax) {
    return fail(ErrorCode::kInvalid, fmt::format("an account has at most {} client networks", kNetworksMax));
  }
  account.client_networks.clear();
  for (const auto& text : texts) {
    const auto network = IpNetwork::parse(text);
    if (!network) {
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no network", escape_controls(text, 80)),
                  "write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48");
    }
    account.client_networks.push_back(*network);
  }
  return {};
}

// Only the operator: a plan says how much an account may send.
Status set_plan(const Call& call, tenants::Account& account) {
  if (!call.has("plan")) return {};
  if (auto allowed = require_operator(call.caller, "set an account's plan"); !allowed) return allowed;
  account.plan.reset();
  if (call.text("plan").empty()) return {};
  const auto plan = parse_plan(call.text("plan"));
  if (!plan) return fail(plan.error());
  account.plan = *plan;
  return {};
}

Status set_account_address(const AdminServices& services, const Call& call, tenants::Account& account) {
  if (!call.has("address")) return {};
  auto address = parse_local_address(call.text("address"));
  if (!address) return fail(address.error());
  const auto domain = domain_of(services, call.caller, *address);
  if (!domain) return fail(domain.error());
  if (account.tenant != TenantId{} && domain->tenant != account.tenant) {
    return fail(ErrorCode::kConflict, "an account cannot move to another tenant's domain");
  }
  account.tenant = domain->tenant;
  account.domain = domain->id;
  account.address = std::move(*address);
  // A former name of the domain leads to the domain; accounts are kept under the name that it has now.
  account.address.domain = domain->name;
  return {};
}

}  // namespace

Status set_account_fields(const AdminServices& services, const Call& call, tenants::Account& account) {
  if (auto done = set_account_address(services, call, account); !done) return done;
  if (call.has("name")) account.full_name = call.text("name");
  if (call.has("kind")) {
    const auto kind = parse_account_kind(call.text("kind"));
    if (!kind) return fail(kind.error());
    account.kind = *kind;
  }
  if (call.has("state")) {
    const auto suspension = parse_suspension(call.text("state"));
    if (!suspension) return fail(suspension.error());
    account.suspension = *suspension;
  }
  if (const auto quota = call.number("quota")) account.quota_bytes = *quota;
  if (auto done = set_plan(call, account); !done) return done;
  return set_client_networks(call, account);
}

Status set_password_hash(const AdminServices& services, std::string password, tenants::Account& account) {
  const Secret secret{std::move(password)};
  const auto size = secret.reveal().size();
  if (size < kPasswordMin || size > kPasswordMax) {
    return fail(ErrorCode::kInvalid, fmt::format("a password has {} to {} bytes", kPasswordMin, kPasswordMax));
  }
  auto hash = tenants::hash_password(secret, services.random);
  if (!hash) return fail(hash.error());
  account.password_hash = std::move(*hash);
  return {};
}

namespace {

// A hash that another server has made, for accounts that move. Only the operator: who can plant a hash can sign in, and
// its cost is paid at each sign-in.
Status take_password_hash(const Call& call, tenants::Account& account) {
  const auto hash = call.text("password_hash");
  if (hash.empty()) return {};
  if (auto allowed = require_operator(call.caller, "set password hashes"); !allowed) return allowed;
  if (!account.password_hash.empty()) {
    return fail(ErrorCode::kInvalid, "a password and a password_hash", "give one of the two");
  }
  if (!tenants::is_acceptable_hash(hash)) {
    return fail(ErrorCode::kInvalid, "password_hash is no argon2id hash that this server would verify",
                "write it as $argon2id$v=19$m=…,t=…,p=…$salt$hash, with at most 256 MiB, 10 passes and 4 lanes");
  }
  account.password_hash = hash;
  return {};
}

}  // namespace

Result<tenants::Account> create_account(const AdminServices& services, const Call& call) {
  tenants::Account account;
  if (auto done = set_account_fields(services, call, account); !done) return fail(done.error());
  if (call.has("password") && !call.is_null("password")) {
    if (auto done = set_password_hash(services, call.text("password"), account); !done) return fail(done.error());
  }
  if (auto done = take_password_hash(call, account); !done) return fail(done.error());
  return services.directory.create_account(std::move(account));
}

}  // namespace bulkhead::admin

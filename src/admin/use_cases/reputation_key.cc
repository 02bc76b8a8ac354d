#include "src/admin/use_cases/reputation_key.h"

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/base/client_network.h"
#include "src/mail/address.h"

namespace bulkhead::admin {

namespace {

using reputation::Key;
using reputation::KeyKind;

struct Split {
  std::string kind;  // "" when none was given
  std::string rest;
};

Split split(const std::string& text) {
  for (int i = 0; i < reputation::kKeyKinds; ++i) {
    const std::string kind{to_string(static_cast<KeyKind>(i))};
    if (text.starts_with(kind + ":")) return {kind, text.substr(kind.size() + 1)};
  }
  return {{}, text};
}

// An address that is nobody's source may be a client's, which is not guessed: whoever is stopped is named in full.
tl::unexpected<Error> unknown(const std::string& text, const Split& split) {
  if (const auto ip = IpAddress::parse(split.rest.substr(0, split.rest.find('@')))) {
    return fail(ErrorCode::kNotFound, fmt::format("{} is no source address here", ip->text()),
                fmt::format("a client is named client:{}", ip->text()));
  }
  return fail(ErrorCode::kNotFound, fmt::format("nobody is known as {}", escape_controls(text, 100)),
              "an account's address, a source address or IP@SITE, client:IP, domain:NAME or tenant:NAME");
}

// What needs no database. Nothing: it is none of these.
std::optional<NamedKey> find_small(const tenants::Snapshot& snapshot, const Split& split) {
  const auto& [kind, rest] = split;
  const auto wants = [&](std::string_view name) { return kind.empty() || kind == name; };
  const auto at = rest.find('@');
  if (const auto ip = IpAddress::parse(rest.substr(0, at))) {
    const auto* address = snapshot.address(*ip);
    const TenantId tenant = address != nullptr && address->tenant ? *address->tenant : TenantId{};
    if (kind == "client" && at == std::string::npos) {
      const IpAddress client = client_network(*ip);
      return NamedKey{Key::client(client), {}, client.text()};
    }
    if (address == nullptr) return std::nullopt;
    if (wants("address-site") && at != std::string::npos) {
      return NamedKey{Key::address_site(*ip, rest.substr(at + 1)), tenant, rest};
    }
    if (wants("address") && at == std::string::npos) return NamedKey{Key::address(*ip), tenant, rest};
    return std::nullopt;
  }
  if (const auto* tenant = wants("tenant") ? snapshot.tenant_by_name(rest) : nullptr) {
    return NamedKey{Key::tenant(tenant->id), tenant->id, tenant->name};
  }
  if (const auto* domain = wants("domain") ? snapshot.domain_by_name(rest) : nullptr) {
    return NamedKey{Key::domain(domain->name), domain->tenant, domain->name};
  }
  if (kind == "site") return NamedKey{Key::site(rest), {}, rest};
  return std::nullopt;
}

bool may_see(const Caller& caller, const TenantId& tenant) {
  return caller.is_operator() || (!tenant.is_nil() && caller.sees(tenant));
}

}  // namespace

Task<Result<NamedKey>> find_key(const AdminServices& services, net::Shard& shard, Caller caller, std::string text) {
  const auto parts = split(text);
  const auto snapshot = services.live.snapshot();
  std::optional<NamedKey> found;
  const bool may_be_account = parts.kind.empty() || parts.kind == "account";
  if (parts.kind != "account") found = find_small(*snapshot, parts);
  std::optional<mail::Address> address;
  if (may_be_account && !found) {
    if (auto parsed = mail::Address::parse(parts.rest)) address = std::move(*parsed);
  }
  const auto id = may_be_account && !found ? AccountId::parse(parts.rest) : std::nullopt;
  if (address || id) {
    Task<Result<std::optional<tenants::Account>>> asking;
    if (id) {
      asking = services.live.account_by_id(shard, *id);
    } else {
      asking = services.live.account_by_address(shard, std::move(*address));
    }
    const auto account = co_await std::move(asking);
    if (!account) co_return fail(account.error());
    if (*account) found = NamedKey{Key::account((*account)->id), (*account)->tenant, (*account)->address.text()};
  }
  if (!found || !may_see(caller, found->tenant)) co_return unknown(text, parts);
  co_return std::move(*found);
}

Task<NamedKey> name_key(const AdminServices& services, net::Shard& shard, reputation::Key key) {
  NamedKey named{key, {}, key.text()};
  const auto snapshot = services.live.snapshot();
  switch (key.kind) {
    case KeyKind::kAccount: {
      auto asking = services.live.account_by_id(shard, key.account_id());
      const auto account = co_await std::move(asking);
      if (account && *account) {
        named.name = (*account)->address.text();
        named.tenant = (*account)->tenant;
      }
      break;
    }
    case KeyKind::kTenant:
      named.tenant = key.tenant_id();
      named.name = tenant_name(*snapshot, named.tenant);
      break;
    case KeyKind::kDomain:
      named.name = key.name;
      if (const auto* domain = snapshot->domain_by_name(key.name)) named.tenant = domain->tenant;
      break;
    case KeyKind::kAddress:
    case KeyKind::kAddressSite: {
      named.name = key.ip().text() + (key.name.empty() ? "" : "@" + key.name);
      const auto* address = snapshot->address(key.ip());
      if (address != nullptr && address->tenant) named.tenant = *address->tenant;
      break;
    }
    case KeyKind::kClient:
      named.name = key.ip().text();
      break;
    case KeyKind::kSite:
      named.name = key.name;
      break;
  }
  co_return named;
}

}  // namespace bulkhead::admin

// Changes of accounts. Their addresses stand in mail_addresses, present and former ones alike.
#include <fmt/format.h>

#include "tenants/sqlite_account_rows.h"
#include "tenants/sqlite_directory.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

Result<Account> existing_account(sqlite::Connection& connection, const AccountId& id) {
  auto found = find_account(connection, id);
  if (!found) return fail(found.error());
  if (!*found) return fail(ErrorCode::kNotFound, fmt::format("no account {}", id.text()));
  return std::move(**found);
}

int plan_number(const Account& account) {
  return account.plan ? static_cast<int>(*account.plan) : -1;
}

// Gives `address` to the account as its present one; the one before it stays as a former address.
Status take_address(sqlite::Connection& connection, const Account& account) {
  auto former = connection.prepare("UPDATE mail_addresses SET is_current = 0 WHERE account = ?");
  if (auto done = former.bind(account.id).run(); !done) return done;
  auto insert = connection.prepare(
      "INSERT INTO mail_addresses (domain, local, account, is_current) VALUES (?, ?, ?, 1) "
      "ON CONFLICT (domain, local) DO UPDATE SET is_current = 1 WHERE account = excluded.account");
  return insert.bind(account.domain, account.address.local, account.id).run();
}

Status write_networks(sqlite::Connection& connection, const Account& account) {
  auto remove = connection.prepare("DELETE FROM account_networks WHERE account = ?");
  if (auto done = remove.bind(account.id).run(); !done) return done;
  for (const auto& network : account.client_networks) {
    auto taken = connection.prepare("SELECT account FROM account_networks WHERE tenant = ? AND network = ?");
    taken.bind(account.tenant, network.text());
    if (taken.row() && taken.id<AccountId>() != account.id) {
      return fail(ErrorCode::kExists,
                  fmt::format("the client network {} belongs to another account of the tenant", network.text()));
    }
    auto insert = connection.prepare(
        "INSERT INTO account_networks (account, tenant, network) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    if (auto done = insert.bind(account.id, account.tenant, network.text()).run(); !done) return done;
  }
  return {};
}

// "sales@example.com": an alias that leads to one of the account's addresses, "" when there is none.
Result<std::string> alias_leading_to(sqlite::Connection& connection, const AccountId& id) {
  auto rows = connection.prepare(
      "SELECT own.local, d.name FROM mail_addresses m JOIN domain_names n ON n.domain = m.domain "
      "JOIN alias_targets t ON t.domain = n.name AND t.local = m.local COLLATE NOCASE "
      "JOIN mail_addresses own ON own.alias = t.alias JOIN domains d ON d.id = own.domain "
      "WHERE m.account = ? LIMIT 1");
  rows.bind(id);
  std::string alias;
  if (rows.row()) {
    alias = rows.text();
    alias += "@" + rows.text();
  }
  if (auto status = rows.status(); !status) return fail(status.error());
  return alias;
}

}  // namespace

Result<Account> SqliteDirectory::create_account(Account account) {
  account.id = AccountId::make(clock_, random_);
  account.created_at = clock_.now();
  account.address = normalised(std::move(account.address));
  if (auto valid = validate(account); !valid) return fail(valid.error());
  return change([&](sqlite::Connection& connection) -> Result<Account> {
    const auto claimed = claim_address(connection, account.address, account.tenant, std::nullopt);
    if (!claimed) return fail(claimed.error());
    account.domain = claimed->domain;
    auto insert = connection.prepare(
        "INSERT INTO accounts (id, tenant, full_name, kind, suspension, password_hash, quota_bytes, created_at, plan) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(account.id, account.tenant, account.full_name, static_cast<int>(account.kind),
                static_cast<int>(account.suspension), account.password_hash,
                static_cast<std::int64_t>(account.quota_bytes), account.created_at, plan_number(account));
    if (auto done = insert.run(); !done) return fail(done.error());
    if (auto taken = take_address(connection, account); !taken) return fail(taken.error());
    if (auto written = write_networks(connection, account); !written) return fail(written.error());
    if (!account.client_networks.empty()) {
      if (auto grown = grow_version(connection); !grown) return fail(grown.error());
    }
    return existing_account(connection, account.id);
  });
}

Result<Account> SqliteDirectory::update_account(const Account& changed) {
  Account account = changed;
  account.address = normalised(std::move(account.address));
  if (auto valid = validate(account); !valid) return fail(valid.error());
  return change([&](sqlite::Connection& connection) -> Result<Account> {
    const auto before = existing_account(connection, account.id);
    if (!before) return before;
    if (before->tenant != account.tenant) {
      return fail(ErrorCode::kNotFound, fmt::format("no account {}", account.id.text()));
    }
    const auto claimed = claim_address(connection, account.address, account.tenant, account.id);
    if (!claimed) return fail(claimed.error());
    account.domain = claimed->domain;
    auto update = connection.prepare(
        "UPDATE accounts SET full_name = ?, kind = ?, suspension = ?, password_hash = ?, quota_bytes = ?, plan = ? "
        "WHERE id = ?");
    update.bind(account.full_name, static_cast<int>(account.kind), static_cast<int>(account.suspension),
                account.password_hash, static_cast<std::int64_t>(account.quota_bytes), plan_number(account),
                account.id);
    if (auto done = update.run(); !done) return fail(done.error());
    if (auto taken = take_address(connection, account); !taken) return fail(taken.error());
    if (auto written = write_networks(connection, account); !written) return fail(written.error());
    if (!before->client_networks.empty() || !account.client_networks.empty()) {
      if (auto grown = grow_version(connection); !grown) return fail(grown.error());
    }
    return existing_account(connection, account.id);
  });
}

Status SqliteDirectory::remove_former_address(const AccountId& id, const mail::Address& address) {
  return change([&](sqlite::Connection& connection) -> Status {
    const auto account = existing_account(connection, id);
    if (!account) return fail(account.error());
    const auto owner = owner_of(connection, address);
    if (!owner) return fail(owner.error());
    if (!*owner || (*owner)->account != id) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} has no former address {}", account->address.text(), address.text()));
    }
    if ((*owner)->is_current) {
      return fail(ErrorCode::kConflict, fmt::format("{} is the account's present address", address.text()),
                  fmt::format("give the account another first: bulkhead account rename {} NEW@{}", address.text(),
                              address.domain));
    }
    auto remove = connection.prepare("DELETE FROM mail_addresses WHERE domain = ? AND local = ? AND account = ?");
    return remove.bind((*owner)->domain, lower_case(address.local), id).run();
  });
}

Status SqliteDirectory::remove_account(const AccountId& id) {
  return change([&](sqlite::Connection& connection) -> Status {
    const auto account = existing_account(connection, id);
    if (!account) return fail(account.error());
    const auto alias = alias_leading_to(connection, id);
    if (!alias) return fail(alias.error());
    if (!alias->empty()) {
      return fail(ErrorCode::kConflict, fmt::format("the alias {} leads to {}", *alias, account->address.text()),
                  fmt::format("remove the alias first: bulkhead alias remove {}", *alias));
    }
    auto remove = connection.prepare("DELETE FROM accounts WHERE id = ?");
    if (auto done = remove.bind(id).run(); !done) return done;
    return account->client_networks.empty() ? Status{} : grow_version(connection);
  });
}

}  // namespace bulkhead::tenants

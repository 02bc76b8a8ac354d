#include "tenants/sqlite_account_rows.h"

#include <algorithm>

#include "tenants/sqlite_directory.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

// An account with its present address and the names of its networks, separated by blanks. The joins are CROSS so that
// they run in the order written: a listing then comes out of the indexes in order, without sorting.
#define BULKHEAD_ACCOUNT_COLUMNS                                                                               \
  "a.id, a.tenant, d.id, m.local, d.name, a.full_name, a.kind, a.suspension, a.password_hash, a.quota_bytes, " \
  "a.created_at, a.plan, (SELECT group_concat(w.network, ' ') FROM account_networks w WHERE w.account = a.id) "
#define BULKHEAD_ACCOUNT_BY_ACCOUNT                                                                                  \
  "SELECT " BULKHEAD_ACCOUNT_COLUMNS                                                                                 \
  "FROM accounts a CROSS JOIN mail_addresses m ON m.account = a.id AND m.is_current CROSS JOIN domains d ON d.id = " \
  "m.domain "
#define BULKHEAD_ACCOUNT_BY_DOMAIN                                                                                  \
  "SELECT " BULKHEAD_ACCOUNT_COLUMNS                                                                                \
  "FROM domains d CROSS JOIN mail_addresses m ON m.domain = d.id AND m.is_current CROSS JOIN accounts a ON a.id = " \
  "m.account "

std::vector<IpNetwork> parse_networks(std::string_view text) {
  std::vector<IpNetwork> networks;
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    if (auto network = IpNetwork::parse(text.substr(0, blank))) networks.push_back(*network);
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  std::sort(networks.begin(), networks.end());
  return networks;
}

Account account_row(sqlite::Statement& row) {
  Account account;
  account.id = row.id<AccountId>();
  account.tenant = row.id<TenantId>();
  account.domain = row.id<DomainId>();
  account.address.local = row.text();
  account.address.domain = row.text();
  account.full_name = row.text();
  account.kind = static_cast<AccountKind>(row.integer());
  account.suspension = static_cast<Suspension>(row.integer());
  account.password_hash = row.text();
  account.quota_bytes = static_cast<std::uint64_t>(row.integer());
  account.created_at = row.time();
  if (const auto plan = row.integer(); plan >= 0) account.plan = static_cast<Plan>(plan);
  account.client_networks = parse_networks(row.text());
  return account;
}

Status append_rows(sqlite::Statement& rows, std::vector<Account>& accounts) {
  while (rows.row()) accounts.push_back(account_row(rows));
  return rows.status();
}

}  // namespace

Result<std::optional<Account>> find_account(sqlite::Connection& connection, const AccountId& id) {
  auto rows = connection.prepare(BULKHEAD_ACCOUNT_BY_ACCOUNT "WHERE a.id = ?");
  rows.bind(id);
  std::optional<Account> account;
  if (rows.row()) account = account_row(rows);
  if (auto status = rows.status(); !status) return fail(status.error());
  return account;
}

Result<std::optional<Account>> SqliteDirectory::account_by_id(const AccountId& id) {
  const auto reading = read();
  return find_account(reading.connection, id);
}

Result<std::optional<Account>> SqliteDirectory::account_by_address(const mail::Address& address) {
  const auto reading = read();
  const auto owner = owner_of(reading.connection, address);
  if (!owner) return fail(owner.error());
  if (!*owner || !(*owner)->account) return std::optional<Account>{};
  return find_account(reading.connection, *(*owner)->account);
}

Result<std::vector<Account>> SqliteDirectory::accounts(const std::optional<TenantId>& tenant, std::string_view after,
                                                       std::size_t limit) {
  const auto position = list_position(after);
  const auto reading = read();
  std::vector<Account> page;
  // First the rest of the domain where the page before ended, then the domains behind it: each part runs along an
  // index, however long the list is.
  auto rest = reading.connection.prepare(BULKHEAD_ACCOUNT_BY_DOMAIN
                                         "WHERE d.name = ?2 AND m.local > ?3 AND (?1 IS NULL OR d.tenant = ?1) "
                                         "ORDER BY m.local LIMIT ?4");
  rest.bind(tenant, position.domain, position.local, static_cast<std::int64_t>(limit));
  if (auto read_rest = append_rows(rest, page); !read_rest) return fail(read_rest.error());
  auto others = reading.connection.prepare(
      tenant ? BULKHEAD_ACCOUNT_BY_DOMAIN "WHERE d.tenant = ? AND d.name > ? ORDER BY d.name, m.local LIMIT ?"
             : BULKHEAD_ACCOUNT_BY_DOMAIN "WHERE ? IS NULL AND d.name > ? ORDER BY d.name, m.local LIMIT ?");
  others.bind(tenant, position.domain, static_cast<std::int64_t>(limit - page.size()));
  if (auto read_others = append_rows(others, page); !read_others) return fail(read_others.error());
  return page;
}

Result<std::optional<Account>> SqliteDirectory::oldest_active_account(const TenantId& tenant) {
  const auto reading = read();
  auto rows = reading.connection.prepare(BULKHEAD_ACCOUNT_BY_ACCOUNT
                                         "WHERE a.tenant = ? AND a.suspension = ? AND a.kind = ? "
                                         "ORDER BY a.created_at, a.id LIMIT 1");
  rows.bind(tenant, static_cast<int>(Suspension::kActive), static_cast<int>(AccountKind::kPerson));
  std::optional<Account> account;
  if (rows.row()) account = account_row(rows);
  if (auto status = rows.status(); !status) return fail(status.error());
  return account;
}

Result<std::vector<Account>> SqliteDirectory::accounts_with_networks() {
  const auto reading = read();
  std::vector<Account> accounts;
  auto rows = reading.connection.prepare(BULKHEAD_ACCOUNT_BY_ACCOUNT
                                         "WHERE a.id IN (SELECT account FROM account_networks) ORDER BY a.id");
  if (auto done = append_rows(rows, accounts); !done) return fail(done.error());
  return accounts;
}

Result<std::vector<mail::Address>> SqliteDirectory::former_addresses(const AccountId& id) {
  const auto reading = read();
  std::vector<mail::Address> addresses;
  auto rows = reading.connection.prepare(
      "SELECT m.local, d.name FROM mail_addresses m JOIN domains d ON d.id = m.domain "
      "WHERE m.account = ? AND NOT m.is_current ORDER BY d.name, m.local");
  rows.bind(id);
  while (rows.row()) {
    mail::Address address;
    address.local = rows.text();
    address.domain = rows.text();
    addresses.push_back(std::move(address));
  }
  if (auto status = rows.status(); !status) return fail(status.error());
  return addresses;
}

}  // namespace bulkhead::tenants

// Aliases: an address of ours that leads to others.
#include <fmt/format.h>

#include "tenants/sqlite_directory.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

#define BULKHEAD_ALIAS_COLUMNS "SELECT a.id, a.tenant, m.local, d.name, a.created_at "
#define BULKHEAD_ALIAS_BY_DOMAIN \
  BULKHEAD_ALIAS_COLUMNS         \
  "FROM domains d CROSS JOIN mail_addresses m ON m.domain = d.id CROSS JOIN aliases a ON a.id = m.alias "

Alias alias_row(sqlite::Statement& row) {
  Alias alias;
  alias.id = row.id<AliasId>();
  alias.tenant = row.id<TenantId>();
  alias.from.local = row.text();
  alias.from.domain = row.text();
  alias.created_at = row.time();
  return alias;
}

Status append_rows(sqlite::Statement& rows, std::vector<Alias>& aliases) {
  while (rows.row()) aliases.push_back(alias_row(rows));
  return rows.status();
}

Status read_targets(sqlite::Connection& connection, Alias& alias) {
  auto rows = connection.prepare("SELECT local, domain FROM alias_targets WHERE alias = ? ORDER BY position");
  rows.bind(alias.id);
  while (rows.row()) {
    mail::Address target;
    target.local = rows.text();
    target.domain = rows.text();
    alias.to.push_back(std::move(target));
  }
  return rows.status();
}

Status write_targets(sqlite::Connection& connection, const Alias& alias) {
  int position = 0;
  for (const auto& target : alias.to) {
    auto insert = connection.prepare("INSERT INTO alias_targets (alias, position, local, domain) VALUES (?, ?, ?, ?)");
    if (auto done = insert.bind(alias.id, position++, target.local, target.domain).run(); !done) return done;
  }
  return {};
}

Result<std::optional<Alias>> find_alias(sqlite::Connection& connection, const AliasId& id) {
  auto rows = connection.prepare(BULKHEAD_ALIAS_COLUMNS
                                 "FROM aliases a JOIN mail_addresses m ON m.alias = a.id JOIN domains d ON "
                                 "d.id = m.domain WHERE a.id = ?");
  rows.bind(id);
  std::optional<Alias> alias;
  if (rows.row()) alias = alias_row(rows);
  if (auto status = rows.status(); !status) return fail(status.error());
  if (!alias) return alias;
  if (auto read = read_targets(connection, *alias); !read) return fail(read.error());
  return alias;
}

}  // namespace

Result<Alias> SqliteDirectory::create_alias(Alias alias) {
  alias.id = AliasId::make(clock_, random_);
  alias.created_at = clock_.now();
  alias.from = normalised(std::move(alias.from));
  if (auto valid = validate(alias); !valid) return fail(valid.error());
  return change([&](sqlite::Connection& connection) -> Result<Alias> {
    const auto claimed = claim_address(connection, alias.from, alias.tenant, std::nullopt);
    if (!claimed) return fail(claimed.error());
    auto insert = connection.prepare("INSERT INTO aliases (id, tenant, created_at) VALUES (?, ?, ?)");
    insert.bind(alias.id, alias.tenant, alias.created_at);
    if (auto done = insert.run(); !done) return fail(done.error());
    auto take = connection.prepare("INSERT INTO mail_addresses (domain, local, alias, is_current) VALUES (?, ?, ?, 1)");
    if (auto done = take.bind(claimed->domain, alias.from.local, alias.id).run(); !done) return fail(done.error());
    if (auto written = write_targets(connection, alias); !written) return fail(written.error());
    auto created = find_alias(connection, alias.id);
    if (!created) return fail(created.error());
    return std::move(**created);
  });
}

Status SqliteDirectory::remove_alias(const AliasId& id) {
  return change([&](sqlite::Connection& connection) -> Status {
    auto remove = connection.prepare("DELETE FROM aliases WHERE id = ? RETURNING 1");
    const bool was_there = remove.bind(id).row();
    if (auto done = remove.run(); !done) return done;
    if (!was_there) return fail(ErrorCode::kNotFound, fmt::format("no alias {}", id.text()));
    return {};
  });
}

Result<std::optional<Alias>> SqliteDirectory::alias_by_address(const mail::Address& address) {
  const auto reading = read();
  const auto owner = owner_of(reading.connection, address);
  if (!owner) return fail(owner.error());
  if (!*owner || !(*owner)->alias) return std::optional<Alias>{};
  return find_alias(reading.connection, *(*owner)->alias);
}

Result<std::vector<Alias>> SqliteDirectory::aliases(const std::optional<TenantId>& tenant, std::string_view after,
                                                    std::size_t limit) {
  const auto position = list_position(after);
  const auto reading = read();
  std::vector<Alias> page;
  auto rest = reading.connection.prepare(BULKHEAD_ALIAS_BY_DOMAIN
                                         "WHERE d.name = ?2 AND m.local > ?3 AND (?1 IS NULL OR d.tenant = ?1) "
                                         "ORDER BY m.local LIMIT ?4");
  rest.bind(tenant, position.domain, position.local, static_cast<std::int64_t>(limit));
  if (auto done = append_rows(rest, page); !done) return fail(done.error());
  auto others = reading.connection.prepare(
      tenant ? BULKHEAD_ALIAS_BY_DOMAIN "WHERE d.tenant = ? AND d.name > ? ORDER BY d.name, m.local LIMIT ?"
             : BULKHEAD_ALIAS_BY_DOMAIN "WHERE ? IS NULL AND d.name > ? ORDER BY d.name, m.local LIMIT ?");
  others.bind(tenant, position.domain, static_cast<std::int64_t>(limit - page.size()));
  if (auto done = append_rows(others, page); !done) return fail(done.error());
  for (auto& alias : page) {
    if (auto done = read_targets(reading.connection, alias); !done) return fail(done.error());
  }
  return page;
}

}  // namespace bulkhead::tenants

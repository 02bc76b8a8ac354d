// Source addresses, routes and tokens.
#include <fmt/format.h>

#include "tenants/sqlite_directory.h"
#include "tenants/sqlite_rows.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

Status check_tenant(sqlite::Connection& connection, const std::optional<TenantId>& tenant) {
  if (!tenant) return {};
  if (auto found = tenant_name(connection, *tenant); !found) return fail(found.error());
  return {};
}

Status check_ip_is_free(sqlite::Connection& connection, const SourceAddress& address) {
  auto rows = connection.prepare("SELECT 1 FROM source_addresses WHERE ip = ? AND id <> ?");
  rows.bind(address.ip.text(), address.id);
  if (rows.row()) return fail(ErrorCode::kExists, fmt::format("there is an address {} already", address.ip.text()));
  return rows.status();
}

// A new default takes the place of the one before it, of the same family and tenant (or shared).
Status clear_other_defaults(sqlite::Connection& connection, const SourceAddress& address) {
  if (!address.is_default) return {};
  auto update = connection.prepare(
      "UPDATE source_addresses SET is_default = 0 WHERE is_default <> 0 AND id <> ? AND tenant IS ? "
      "AND (instr(ip, ':') > 0) = ?");
  return update.bind(address.id, address.tenant, address.ip.family() == Family::kIpv6).run();
}

// A tenant that is given an address of its own shares no more; one that merely keeps it goes on as the operator said.
Status end_sharing(sqlite::Connection& connection, const SourceAddress& address) {
  if (!address.tenant) return {};
  auto update = connection.prepare(
      "UPDATE tenants SET shares_addresses = 0 WHERE id = ?1 "
      "AND NOT EXISTS (SELECT 1 FROM source_addresses WHERE id = ?2 AND tenant = ?1)");
  return update.bind(*address.tenant, address.id).run();
}

// Removes the row with `id`; kNotFound, naming `what`, when there is none.
template <class SomeId>
Status remove_row(sqlite::Connection& connection, std::string_view sql, const SomeId& id, std::string_view what) {
  auto remove = connection.prepare(sql);
  const bool was_there = remove.bind(id).row();
  if (auto done = remove.run(); !done) return done;
  if (!was_there) return fail(ErrorCode::kNotFound, fmt::format("no {} {}", what, id.text()));
  return {};
}

}  // namespace

Result<SourceAddress> SqliteDirectory::create_address(SourceAddress address) {
  address.id = AddressId::make(clock_, random_);
  address.created_at = clock_.now();
  if (auto valid = validate(address); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<SourceAddress> {
    if (auto checked = check_tenant(connection, address.tenant); !checked) return fail(checked.error());
    if (auto is_free = check_ip_is_free(connection, address); !is_free) return fail(is_free.error());
    if (auto cleared = clear_other_defaults(connection, address); !cleared) return fail(cleared.error());
    if (auto ended = end_sharing(connection, address); !ended) return fail(ended.error());
    auto insert = connection.prepare(
        "INSERT INTO source_addresses (id, ip, tenant, helo, is_default, created_at) VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(address.id, address.ip.text(), address.tenant, address.helo, address.is_default, address.created_at);
    if (auto done = insert.run(); !done) return fail(done.error());
    return address;
  });
}

Result<SourceAddress> SqliteDirectory::update_address(const SourceAddress& address) {
  if (auto valid = validate(address); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<SourceAddress> {
    if (auto checked = check_tenant(connection, address.tenant); !checked) return fail(checked.error());
    if (auto is_free = check_ip_is_free(connection, address); !is_free) return fail(is_free.error());
    if (auto cleared = clear_other_defaults(connection, address); !cleared) return fail(cleared.error());
    if (auto ended = end_sharing(connection, address); !ended) return fail(ended.error());
    auto update = connection.prepare(
        "UPDATE source_addresses SET ip = ?, tenant = ?, helo = ?, is_default = ? WHERE id = ? "
        "RETURNING id, ip, tenant, helo, is_default, created_at");
    update.bind(address.ip.text(), address.tenant, address.helo, address.is_default, address.id);
    std::optional<SourceAddress> updated;
    if (update.row()) updated = address_row(update);
    if (auto done = update.run(); !done) return fail(done.error());
    if (!updated) return fail(ErrorCode::kNotFound, fmt::format("no address {}", address.id.text()));
    return *updated;
  });
}

Status SqliteDirectory::remove_address(const AddressId& id) {
  return change_snapshot([&](sqlite::Connection& connection) {
    return remove_row(connection, "DELETE FROM source_addresses WHERE id = ? RETURNING 1", id, "address");
  });
}

Result<Route> SqliteDirectory::create_route(Route route) {
  route.id = RouteId::make(clock_, random_);
  if (auto valid = validate(route); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Route> {
    if (auto checked = check_tenant(connection, route.tenant); !checked) return fail(checked.error());
    auto rows = connection.prepare("SELECT 1 FROM routes WHERE tenant IS ? AND pattern = ?");
    if (rows.bind(route.tenant, route.pattern).row()) {
      return fail(ErrorCode::kExists, fmt::format("there is a route for {} already", route.pattern));
    }
    auto insert =
        connection.prepare("INSERT INTO routes (id, tenant, pattern, host, port, tls) VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(route.id, route.tenant, route.pattern, route.host, static_cast<int>(route.port),
                static_cast<int>(route.tls));
    if (auto done = insert.run(); !done) return fail(done.error());
    return route;
  });
}

Status SqliteDirectory::remove_route(const RouteId& id) {
  return change_snapshot([&](sqlite::Connection& connection) {
    return remove_row(connection, "DELETE FROM routes WHERE id = ? RETURNING 1", id, "route");
  });
}

Result<Token> SqliteDirectory::create_token(Token token) {
  token.id = TokenId::make(clock_, random_);
  if (auto valid = validate(token); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Token> {
    if (auto checked = check_tenant(connection, token.tenant); !checked) return fail(checked.error());
    auto rows = connection.prepare("SELECT 1 FROM tokens WHERE name = ?");
    if (rows.bind(token.name).row()) {
      return fail(ErrorCode::kExists, fmt::format("there is a token {} already", token.name));
    }
    auto insert = connection.prepare(
        "INSERT INTO tokens (id, name, hash, tenant, expires_at) VALUES (?, ?, ?, ?, iif(?, ?, NULL))");
    insert.bind(token.id, token.name, token.hash, token.tenant, token.expires_at.has_value(),
                token.expires_at.value_or(UtcTime{}));
    if (auto done = insert.run(); !done) return fail(done.error());
    return token;
  });
}

Status SqliteDirectory::remove_token(const TokenId& id) {
  return change_snapshot([&](sqlite::Connection& connection) {
    return remove_row(connection, "DELETE FROM tokens WHERE id = ? RETURNING 1", id, "token");
  });
}

}  // namespace bulkhead::tenants

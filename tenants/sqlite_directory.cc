#include "tenants/sqlite_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tenants/schema.h"
#include "tenants/sqlite_rows.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

Result<std::unique_ptr<Directory>> open_sqlite_directory(const std::string& path, const Clock& clock, Random& random) {
  return SqliteDirectory::open(path, clock, random);
}

namespace {
// Keys and password hashes are for the server's user alone. SQLite gives its log files the mode of the database; when
// the file cannot be made, SQLite's own attempt says why.
void make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd >= 0) ::close(fd);
}
}  // namespace

Result<std::unique_ptr<Directory>> SqliteDirectory::open(const std::string& path, const Clock& clock, Random& random) {
  using sqlite::Connection;
  make_private_file(path);
  std::unique_ptr<SqliteDirectory> directory{new SqliteDirectory{clock, random}};
  auto writer = Connection::open(path, Connection::Mode::kReadWrite);
  if (!writer) return fail(writer.error());
  directory->writer_ = std::move(*writer);
  if (auto migrated = migrate(*directory->writer_); !migrated) return fail(migrated.error());
  for (auto& reader : directory->readers_) {
    auto connection = Connection::open(path, Connection::Mode::kReadOnly);
    if (!connection) return fail(connection.error());
    reader.connection = std::move(*connection);
  }
  return std::unique_ptr<Directory>{std::move(directory)};
}

SqliteDirectory::Reading SqliteDirectory::read() {
  if (std::unique_lock lock{readers_[0].mutex, std::try_to_lock}; lock.owns_lock()) {
    return {std::move(lock), *readers_[0].connection};
  }
  return {std::unique_lock{readers_[1].mutex}, *readers_[1].connection};
}

Status SqliteDirectory::grow_version(sqlite::Connection& connection) {
  return connection.prepare("UPDATE directory_version SET version = version + 1").run();
}

namespace {

Result<std::uint64_t> read_version(sqlite::Connection& connection) {
  auto rows = connection.prepare("SELECT version FROM directory_version");
  const auto version = rows.row() ? static_cast<std::uint64_t>(rows.integer()) : 0;
  if (auto status = rows.status(); !status) return fail(status.error());
  return version;
}

// Reads all rows of `sql` into `to` by `read_row`.
template <class Row>
Status read_all(sqlite::Connection& connection, std::string_view sql, Row (*read_row)(sqlite::Statement&),
                std::vector<Row>& to) {
  auto rows = connection.prepare(sql);
  while (rows.row()) to.push_back(read_row(rows));
  return rows.status();
}

// Gives each of `owners`, which are in order of their ids, the names that `sql` finds, in the same order.
template <class Owner>
Status read_former_names(sqlite::Connection& connection, std::string_view sql, std::vector<Owner>& owners) {
  auto rows = connection.prepare(sql);
  auto at = owners.begin();
  while (rows.row()) {
    const auto id = rows.id<decltype(Owner::id)>();
    while (at != owners.end() && at->id < id) ++at;
    if (at != owners.end() && at->id == id) at->former_names.push_back(rows.text());
  }
  return rows.status();
}

Result<DirectorySnapshotRows> read_snapshot(sqlite::Connection& connection) {
  DirectorySnapshotRows all;
  const auto version = read_version(connection);
  if (!version) return fail(version.error());
  all.version = *version;
  for (const auto& status : {
           read_all(connection, "SELECT " BULKHEAD_TENANT_COLUMNS " FROM tenants ORDER BY id", tenant_row, all.tenants),
           read_all(connection, "SELECT " BULKHEAD_DOMAIN_COLUMNS " FROM domains ORDER BY id", domain_row, all.domains),
           read_former_names(connection,
                             "SELECT n.tenant, n.name FROM tenant_names n JOIN tenants t ON t.id = n.tenant "
                             "AND t.name <> n.name ORDER BY n.tenant, n.name",
                             all.tenants),
           read_former_names(connection,
                             "SELECT n.domain, n.name FROM domain_names n JOIN domains d ON d.id = n.domain "
                             "AND d.name <> n.name ORDER BY n.domain, n.name",
                             all.domains),
           read_all(connection, "SELECT id, ip, tenant, helo, is_default, created_at FROM source_addresses ORDER BY id",
                    address_row, all.addresses),
           read_all(connection, "SELECT id, tenant, pattern, host, port, tls FROM routes ORDER BY id", route_row,
                    all.routes),
           read_all(connection,
                    "SELECT id, name, hash, tenant, expires_at IS NOT NULL, expires_at FROM tokens "
                    "ORDER BY id",
                    token_row, all.tokens),
           read_all(connection, "SELECT " BULKHEAD_LIMIT_COLUMNS " FROM limits ORDER BY scope, subject", limit_row,
                    all.limits),
       }) {
    if (!status) return fail(status.error());
  }
  auto warm_up = read_warm_up(connection);
  if (!warm_up) return fail(warm_up.error());
  all.warm_up = std::move(*warm_up);
  return all;
}

}  // namespace

Result<std::uint64_t> SqliteDirectory::snapshot_version() {
  const auto reading = read();
  return read_version(reading.connection);
}

Result<DirectorySnapshotRows> SqliteDirectory::snapshot_rows() {
  const auto reading = read();
  auto& connection = reading.connection;
  // A read transaction: all tables as of one moment.
  if (auto begun = connection.execute("BEGIN"); !begun) return fail(begun.error());
  auto all = read_snapshot(connection);
  if (auto ended = connection.execute("COMMIT"); !ended && all) return fail(ended.error());
  return all;
}

Result<std::string> tenant_name(sqlite::Connection& connection, const TenantId& id) {
  auto rows = connection.prepare("SELECT name FROM tenants WHERE id = ?");
  rows.bind(id);
  if (rows.row()) return rows.text();
  if (auto status = rows.status(); !status) return fail(status.error());
  return fail(ErrorCode::kNotFound, fmt::format("no tenant {}", id.text()));
}

Result<std::optional<AddressOwner>> owner_of(sqlite::Connection& connection, const mail::Address& address) {
  auto rows = connection.prepare(
      "SELECT d.id, d.tenant, m.account, m.alias, m.is_current FROM domain_names n JOIN domains d ON d.id = n.domain "
      "LEFT JOIN mail_addresses m ON m.domain = d.id AND m.local = ? WHERE n.name = ?");
  rows.bind(lower_case(address.local), address.domain);
  if (!rows.row()) {
    if (auto status = rows.status(); !status) return fail(status.error());
    return std::optional<AddressOwner>{};
  }
  AddressOwner owner;
  owner.domain = rows.id<DomainId>();
  owner.tenant = rows.id<TenantId>();
  owner.account = rows.optional_id<AccountId>();
  owner.alias = rows.optional_id<AliasId>();
  owner.is_current = rows.flag();
  return std::optional{owner};
}

Result<AddressOwner> claim_address(sqlite::Connection& connection, const mail::Address& address, const TenantId& tenant,
                                   const std::optional<AccountId>& except) {
  const auto owner = owner_of(connection, address);
  if (!owner) return fail(owner.error());
  if (!*owner || (*owner)->tenant != tenant) {
    return fail(ErrorCode::kNotFound, fmt::format("no domain {}", address.domain),
                fmt::format("add it first: bulkhead domain add {} --tenant {}", address.domain, tenant.text()));
  }
  const auto& found = **owner;
  if (found.alias) return fail(ErrorCode::kExists, fmt::format("{} is an alias already", address.text()));
  if (found.account && found.account != except) {
    return fail(ErrorCode::kExists, found.is_current
                                        ? fmt::format("there is an account {} already", address.text())
                                        : fmt::format("{} is a former address of another account", address.text()));
  }
  return found;
}

ListPosition list_position(std::string_view after) {
  const auto at = after.rfind('@');
  if (at == std::string_view::npos) return {std::string{after}, {}};
  auto local = after.substr(0, at);
  // Quoted as text() writes it; the table holds the characters themselves.
  if (auto parsed = mail::Address::parse(after)) return {parsed->domain, lower_case(parsed->local)};
  return {std::string{after.substr(at + 1)}, std::string{local}};
}

}  // namespace bulkhead::tenants

#include "tenants/schema.h"

#include <array>

#include <fmt/format.h>

namespace bulkhead::tenants {

namespace {

// Ids are 16 bytes, times microseconds since 1970, flags 0 or 1. A name that was given up stays in domain_names, an
// address that was given up in mail_addresses: both tables give each name to one owner only, present or former.
constexpr const char* kPeople = R"sql(
CREATE TABLE directory_version (version INTEGER NOT NULL) STRICT;
INSERT INTO directory_version VALUES (1);

CREATE TABLE tenants (
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  reseller BLOB REFERENCES tenants(id),
  suspension INTEGER NOT NULL,
  certificate_pem TEXT NOT NULL,
  key_pem TEXT NOT NULL,
  postmaster TEXT NOT NULL,
  message_size_max INTEGER NOT NULL,
  recipients_max INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_by_reseller ON tenants(reseller);

CREATE TABLE domains (
  id BLOB NOT NULL PRIMARY KEY,
  tenant BLOB NOT NULL REFERENCES tenants(id),
  name TEXT NOT NULL UNIQUE,
  catch_all TEXT NOT NULL,
  certificate_pem TEXT NOT NULL,
  key_pem TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Unique, as names are, so that a listing in order of domain and local part needs no sorting.
CREATE UNIQUE INDEX domains_by_tenant ON domains(tenant, name);

CREATE TABLE domain_names (
  name TEXT NOT NULL PRIMARY KEY,
  domain BLOB NOT NULL REFERENCES domains(id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_names_by_domain ON domain_names(domain);

CREATE TABLE accounts (
  id BLOB NOT NULL PRIMARY KEY,
  tenant BLOB NOT NULL REFERENCES tenants(id),
  full_name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  suspension INTEGER NOT NULL,
  password_hash TEXT NOT NULL,
  quota_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_tenant ON accounts(tenant);

CREATE TABLE account_networks (
  account BLOB NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  tenant BLOB NOT NULL REFERENCES tenants(id),
  network TEXT NOT NULL,
  PRIMARY KEY (account, network),
  UNIQUE (tenant, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
  id BLOB NOT NULL PRIMARY KEY,
  tenant BLOB NOT NULL REFERENCES tenants(id),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_tenant ON aliases(tenant);

CREATE TABLE alias_targets (
  alias BLOB NOT NULL REFERENCES aliases(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  local TEXT NOT NULL,
  domain TEXT NOT NULL,
  PRIMARY KEY (alias, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_targets_by_target ON alias_targets(domain, local COLLATE NOCASE);

CREATE TABLE mail_addresses (
  domain BLOB NOT NULL REFERENCES domains(id),
  local TEXT NOT NULL,
  account BLOB REFERENCES accounts(id) ON DELETE CASCADE,
  alias BLOB REFERENCES aliases(id) ON DELETE CASCADE,
  is_current INTEGER NOT NULL,
  PRIMARY KEY (domain, local),
  CHECK ((account IS NULL) <> (alias IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_addresses_by_account ON mail_addresses(account) WHERE account IS NOT NULL;
CREATE INDEX mail_addresses_by_alias ON mail_addresses(alias) WHERE alias IS NOT NULL;
)sql";

constexpr const char* kTraffic = R"sql(
CREATE TABLE source_addresses (
  id BLOB NOT NULL PRIMARY KEY,
  ip TEXT NOT NULL UNIQUE,
  tenant BLOB REFERENCES tenants(id),
  helo TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_addresses_by_tenant ON source_addresses(tenant);

CREATE TABLE routes (
  id BLOB NOT NULL PRIMARY KEY,
  tenant BLOB REFERENCES tenants(id),
  pattern TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  tls INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX routes_by_pattern ON routes(ifnull(tenant, x''), pattern);

CREATE TABLE tokens (
  id BLOB NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL UNIQUE,
  tenant BLOB REFERENCES tenants(id),
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_tenant ON tokens(tenant);
)sql";

// A tenant that has ever had an address of its own leaves from no shared one by itself.
constexpr const char* kSharing = R"sql(
ALTER TABLE tenants ADD COLUMN shares_addresses INTEGER NOT NULL DEFAULT 1;
UPDATE tenants SET shares_addresses = 0 WHERE id IN (SELECT tenant FROM source_addresses);
)sql";

// Names that tenants were renamed from go on finding them, as those of domains do; and resellers have a quota.
constexpr const char* kResellers = R"sql(
CREATE TABLE tenant_names (
  name TEXT NOT NULL PRIMARY KEY,
  tenant BLOB NOT NULL REFERENCES tenants(id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_names_by_tenant ON tenant_names(tenant);
INSERT INTO tenant_names SELECT name, id FROM tenants;
ALTER TABLE tenants ADD COLUMN tenants_max INTEGER NOT NULL DEFAULT 0;
)sql";

// A plan of -1 is none; an empty rate and a number of -1 are not set. The references make limits end with what they
// are for.
constexpr const char* kLimits = R"sql(
ALTER TABLE tenants ADD COLUMN plan INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN over_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN plan INTEGER NOT NULL DEFAULT -1;

CREATE TABLE limits (
  scope INTEGER NOT NULL,
  subject BLOB NOT NULL,
  account BLOB REFERENCES accounts(id) ON DELETE CASCADE,
  tenant BLOB REFERENCES tenants(id) ON DELETE CASCADE,
  address BLOB REFERENCES source_addresses(id) ON DELETE CASCADE,
  messages TEXT NOT NULL,
  recipients TEXT NOT NULL,
  bytes TEXT NOT NULL,
  connections INTEGER NOT NULL,
  messages_per_connection INTEGER NOT NULL,
  days INTEGER NOT NULL,
  PRIMARY KEY (scope, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX limits_by_account ON limits(account) WHERE account IS NOT NULL;
CREATE INDEX limits_by_tenant ON limits(tenant) WHERE tenant IS NOT NULL;
CREATE INDEX limits_by_address ON limits(address) WHERE address IS NOT NULL;

CREATE TABLE settings (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kFeedback = "ALTER TABLE tenants ADD COLUMN feedback_address TEXT NOT NULL DEFAULT '';";

// Never edited once released: a change of the schema is a further entry.
constexpr std::array kMigrations{kPeople, kTraffic, kSharing, kResellers, kLimits, kFeedback};

Result<int> present_version(sqlite::Connection& connection) {
  auto read = connection.prepare("PRAGMA user_version");
  const int version = read.row() ? static_cast<int>(read.integer()) : 0;
  if (auto status = read.status(); !status) return fail(status.error());
  return version;
}

Status apply(sqlite::Connection& connection, int version) {
  return connection.transact([&]() -> Status {
    // Another process may have come first while this one waited for the lock.
    const auto present = present_version(connection);
    if (!present) return fail(present.error());
    if (*present >= version) return {};
    if (auto done = connection.execute(kMigrations[static_cast<std::size_t>(version - 1)]); !done) return done;
    return connection.execute(fmt::format("PRAGMA user_version = {}", version));
  });
}

}  // namespace

int schema_version() {
  return static_cast<int>(kMigrations.size());
}

Status migrate(sqlite::Connection& connection, int version) {
  const auto present = present_version(connection);
  if (!present) return fail(present.error());
  if (*present > schema_version()) {
    return fail(ErrorCode::kConflict,
                fmt::format("the directory's database has schema {}, and this program knows only up to {}", *present,
                            schema_version()),
                "It was written by a newer Bulkhead: start that one, or restore the copy made before the upgrade.");
  }
  for (int next = *present + 1; next <= version; ++next) {
    if (auto done = apply(connection, next); !done) return done;
  }
  return {};
}

}  // namespace bulkhead::tenants

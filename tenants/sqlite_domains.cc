// Domains and the names they had.
#include <fmt/format.h>

#include "tenants/sqlite_directory.h"
#include "tenants/sqlite_rows.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

struct DomainKey {
  TenantId tenant;
  std::string name;
};

Result<DomainKey> find_domain(sqlite::Connection& connection, const DomainId& id) {
  auto rows = connection.prepare("SELECT tenant, name FROM domains WHERE id = ?");
  rows.bind(id);
  if (rows.row()) {
    auto tenant = rows.id<TenantId>();
    return DomainKey{tenant, rows.text()};
  }
  if (auto status = rows.status(); !status) return fail(status.error());
  return fail(ErrorCode::kNotFound, fmt::format("no domain {}", id.text()));
}

// Makes `name` one of the domain's names; one it had before is taken up again.
Status claim_name(sqlite::Connection& connection, const DomainId& domain, const std::string& name) {
  auto rows = connection.prepare("SELECT domain FROM domain_names WHERE name = ?");
  rows.bind(name);
  if (rows.row()) {
    if (rows.id<DomainId>() == domain) return {};
    return fail(ErrorCode::kExists, fmt::format("there is a domain {} already", name));
  }
  if (auto status = rows.status(); !status) return status;
  auto insert = connection.prepare("INSERT INTO domain_names (name, domain) VALUES (?, ?)");
  return insert.bind(name, domain).run();
}

Result<std::vector<std::string>> former_names(sqlite::Connection& connection, const Domain& domain) {
  return name_list(connection, "SELECT name FROM domain_names WHERE domain = ? AND name <> ? ORDER BY name", domain);
}

}  // namespace

Result<Domain> SqliteDirectory::create_domain(Domain domain) {
  domain.id = DomainId::make(clock_, random_);
  domain.created_at = clock_.now();
  domain.former_names.clear();
  if (auto valid = validate(domain); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Domain> {
    if (auto found = tenant_name(connection, domain.tenant); !found) return fail(found.error());
    auto insert = connection.prepare("INSERT INTO domains (" BULKHEAD_DOMAIN_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)");
    auto names = connection.prepare("SELECT 1 FROM domain_names WHERE name = ?");
    if (names.bind(domain.name).row()) {
      return fail(ErrorCode::kExists, fmt::format("there is a domain {} already", domain.name));
    }
    insert.bind(domain.id, domain.tenant, domain.name, domain.catch_all, domain.certificate_pem, domain.key_pem,
                domain.created_at);
    if (auto done = insert.run(); !done) return fail(done.error());
    if (auto claimed = claim_name(connection, domain.id, domain.name); !claimed) return fail(claimed.error());
    return domain;
  });
}

Result<Domain> SqliteDirectory::update_domain(const Domain& domain) {
  if (auto valid = validate(domain); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Domain> {
    const auto found = find_domain(connection, domain.id);
    if (!found) return fail(found.error());
    if (found->tenant != domain.tenant)
      return fail(ErrorCode::kNotFound, fmt::format("no domain {}", domain.id.text()));
    if (auto claimed = claim_name(connection, domain.id, domain.name); !claimed) return fail(claimed.error());
    auto update = connection.prepare(
        "UPDATE domains SET name = ?, catch_all = ?, certificate_pem = ?, key_pem = ? WHERE id = ? "
        "RETURNING " BULKHEAD_DOMAIN_COLUMNS);
    update.bind(domain.name, domain.catch_all, domain.certificate_pem, domain.key_pem, domain.id);
    Domain updated;
    if (update.row()) updated = domain_row(update);
    if (auto done = update.run(); !done) return fail(done.error());
    auto names = former_names(connection, updated);
    if (!names) return fail(names.error());
    updated.former_names = std::move(*names);
    return updated;
  });
}

Status SqliteDirectory::remove_former_name(const DomainId& id, std::string_view name) {
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    const auto found = find_domain(connection, id);
    if (!found) return fail(found.error());
    if (found->name == name) {
      return fail(ErrorCode::kConflict, fmt::format("{} is the domain's present name", name),
                  fmt::format("give it another first: bulkhead domain rename {} NEW.EXAMPLE", name));
    }
    auto remove = connection.prepare("DELETE FROM domain_names WHERE domain = ? AND name = ? RETURNING 1");
    const bool was_there = remove.bind(id, name).row();
    if (auto done = remove.run(); !done) return done;
    if (!was_there) return fail(ErrorCode::kNotFound, fmt::format("{} has no former name {}", found->name, name));
    return {};
  });
}

Status SqliteDirectory::remove_domain(const DomainId& id) {
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    const auto found = find_domain(connection, id);
    if (!found) return fail(found.error());
    auto count = connection.prepare(
        "SELECT count(DISTINCT account), count(DISTINCT alias) FROM mail_addresses WHERE domain = ?");
    count.bind(id);
    if (!count.row()) return count.status();
    const auto accounts = count.integer();
    const auto aliases = count.integer();
    if (accounts + aliases > 0) {
      return fail(ErrorCode::kConflict,
                  fmt::format("domain {} still has accounts ({}) or aliases ({}), former addresses counted",
                              found->name, accounts, aliases),
                  fmt::format("remove them first; they are listed by: bulkhead account list --tenant {}, and: bulkhead "
                              "alias list --tenant {}",
                              found->tenant.text(), found->tenant.text()));
    }
    auto remove = connection.prepare("DELETE FROM domains WHERE id = ?");
    return remove.bind(id).run();
  });
}

}  // namespace bulkhead::tenants

// Tenants and their resellers.
#include <fmt/format.h>

#include "tenants/sqlite_directory.h"
#include "tenants/sqlite_rows.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

constexpr int kLevelsMax = 4;

Status check_name_is_free(sqlite::Connection& connection, const Tenant& tenant) {
  auto rows = connection.prepare("SELECT 1 FROM tenants WHERE name = ? AND id <> ?");
  rows.bind(tenant.name, tenant.id);
  if (rows.row()) return fail(ErrorCode::kExists, fmt::format("there is a tenant {} already", tenant.name));
  return rows.status();
}

// Makes the tenant's name one of its names, taking it from a tenant that had it formerly.
Status claim_name(sqlite::Connection& connection, const Tenant& tenant) {
  auto insert = connection.prepare(
      "INSERT INTO tenant_names (name, tenant) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET tenant = "
      "excluded.tenant");
  return insert.bind(tenant.name, tenant.id).run();
}

Result<std::vector<std::string>> former_names(sqlite::Connection& connection, const Tenant& tenant) {
  return name_list(connection, "SELECT name FROM tenant_names WHERE tenant = ? AND name <> ? ORDER BY name", tenant);
}

// Resellers above `id`, itself included; `kNotFound` when one is missing, kConflict when `below` is among them.
Result<int> levels_above(sqlite::Connection& connection, std::optional<TenantId> id, const TenantId& below) {
  int levels = 0;
  while (id) {
    if (*id == below)
      return fail(ErrorCode::kConflict, "a tenant cannot be its own reseller, directly or through others");
    auto rows = connection.prepare("SELECT reseller FROM tenants WHERE id = ?");
    rows.bind(*id);
    if (!rows.row()) {
      if (auto status = rows.status(); !status) return fail(status.error());
      return fail(ErrorCode::kNotFound, fmt::format("no reseller {}", id->text()));
    }
    id = rows.optional_id<TenantId>();
    if (++levels > kLevelsMax) break;
  }
  return levels;
}

// Levels of tenants from `id` downwards, itself included.
Result<int> levels_below(sqlite::Connection& connection, const TenantId& id) {
  auto rows = connection.prepare(
      "WITH RECURSIVE owned(id, level) AS (SELECT ?, 1 UNION ALL SELECT t.id, level + 1 FROM tenants t "
      "JOIN owned ON t.reseller = owned.id WHERE level < 10) SELECT max(level) FROM owned");
  rows.bind(id);
  const int levels = rows.row() ? static_cast<int>(rows.integer()) : 1;
  if (auto status = rows.status(); !status) return fail(status.error());
  return levels;
}

Status check_reseller(sqlite::Connection& connection, const Tenant& tenant) {
  if (!tenant.reseller) return {};
  const auto above = levels_above(connection, tenant.reseller, tenant.id);
  if (!above) return fail(above.error());
  const auto below = levels_below(connection, tenant.id);
  if (!below) return fail(below.error());
  if (*above + *below > kLevelsMax) {
    return fail(ErrorCode::kConflict, fmt::format("resellers may nest at most {} levels deep", kLevelsMax));
  }
  return {};
}

// "2 domains, 1 account": what still belongs to the tenant; "" when nothing does.
Result<std::string> belongings(sqlite::Connection& connection, const TenantId& id) {
  struct Kind {
    const char* sql;
    const char* one;
    const char* many;
  };
  constexpr std::array kKinds{
      Kind{"SELECT count(*) FROM tenants WHERE reseller = ?", "tenant", "tenants"},
      Kind{"SELECT count(*) FROM accounts WHERE tenant = ?", "account", "accounts"},
      Kind{"SELECT count(*) FROM aliases WHERE tenant = ?", "alias", "aliases"},
      Kind{"SELECT count(*) FROM domains WHERE tenant = ?", "domain", "domains"},
      Kind{"SELECT count(*) FROM source_addresses WHERE tenant = ?", "address", "addresses"},
      Kind{"SELECT count(*) FROM routes WHERE tenant = ?", "route", "routes"},
      Kind{"SELECT count(*) FROM tokens WHERE tenant = ?", "token", "tokens"},
  };
  std::string list;
  for (const auto& kind : kKinds) {
    auto rows = connection.prepare(kind.sql);
    rows.bind(id);
    const auto count = rows.row() ? rows.integer() : 0;
    if (auto status = rows.status(); !status) return fail(status.error());
    if (count == 0) continue;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, count == 1 ? kind.one : kind.many);
  }
  return list;
}

}  // namespace

Result<Tenant> SqliteDirectory::create_tenant(Tenant tenant) {
  tenant.id = TenantId::make(clock_, random_);
  tenant.created_at = clock_.now();
  tenant.former_names.clear();
  if (auto valid = validate(tenant); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Tenant> {
    if (auto is_free = check_name_is_free(connection, tenant); !is_free) return fail(is_free.error());
    if (auto checked = check_reseller(connection, tenant); !checked) return fail(checked.error());
    auto insert = connection.prepare("INSERT INTO tenants (" BULKHEAD_TENANT_COLUMNS
                                     ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(tenant.id, tenant.name, tenant.reseller, static_cast<int>(tenant.suspension), tenant.certificate_pem,
                tenant.key_pem, tenant.postmaster, static_cast<std::int64_t>(tenant.message_size_max),
                static_cast<std::int64_t>(tenant.recipients_max), tenant.shares_addresses,
                static_cast<std::int64_t>(tenant.tenants_max), tenant.created_at, static_cast<int>(tenant.plan),
                static_cast<int>(tenant.over_limit), tenant.feedback_address);
    if (auto done = insert.run(); !done) return fail(done.error());
    if (auto claimed = claim_name(connection, tenant); !claimed) return fail(claimed.error());
    return tenant;
  });
}

Result<Tenant> SqliteDirectory::update_tenant(const Tenant& tenant) {
  if (auto valid = validate(tenant); !valid) return fail(valid.error());
  return change_snapshot([&](sqlite::Connection& connection) -> Result<Tenant> {
    if (auto found = tenant_name(connection, tenant.id); !found) return fail(found.error());
    if (auto is_free = check_name_is_free(connection, tenant); !is_free) return fail(is_free.error());
    if (auto checked = check_reseller(connection, tenant); !checked) return fail(checked.error());
    auto update = connection.prepare(
        "UPDATE tenants SET name = ?, reseller = ?, suspension = ?, certificate_pem = ?, key_pem = ?, postmaster = ?, "
        "message_size_max = ?, recipients_max = ?, shares_addresses = ?, tenants_max = ?, plan = ?, over_limit = ?, "
        "feedback_address = ? WHERE id = ? "
        "RETURNING " BULKHEAD_TENANT_COLUMNS);
    update.bind(tenant.name, tenant.reseller, static_cast<int>(tenant.suspension), tenant.certificate_pem,
                tenant.key_pem, tenant.postmaster, static_cast<std::int64_t>(tenant.message_size_max),
                static_cast<std::int64_t>(tenant.recipients_max), tenant.shares_addresses,
                static_cast<std::int64_t>(tenant.tenants_max), static_cast<int>(tenant.plan),
                static_cast<int>(tenant.over_limit), tenant.feedback_address, tenant.id);
    Tenant updated;
    if (update.row()) updated = tenant_row(update);
    if (auto done = update.run(); !done) return fail(done.error());
    if (auto claimed = claim_name(connection, updated); !claimed) return fail(claimed.error());
    auto names = former_names(connection, updated);
    if (!names) return fail(names.error());
    updated.former_names = std::move(*names);
    return updated;
  });
}

Status SqliteDirectory::remove_former_name(const TenantId& id, std::string_view name) {
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    const auto present = tenant_name(connection, id);
    if (!present) return fail(present.error());
    if (*present == name) {
      return fail(ErrorCode::kConflict, fmt::format("{} is the tenant's present name", name),
                  fmt::format("give it another first: bulkhead tenant rename {} NEW", name));
    }
    auto remove = connection.prepare("DELETE FROM tenant_names WHERE tenant = ? AND name = ? RETURNING 1");
    const bool was_there = remove.bind(id, name).row();
    if (auto done = remove.run(); !done) return done;
    if (!was_there) return fail(ErrorCode::kNotFound, fmt::format("{} has no former name {}", *present, name));
    return {};
  });
}

Status SqliteDirectory::remove_tenant(const TenantId& id) {
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    const auto name = tenant_name(connection, id);
    if (!name) return fail(name.error());
    const auto left = belongings(connection, id);
    if (!left) return fail(left.error());
    if (!left->empty()) {
      return fail(ErrorCode::kConflict, fmt::format("tenant {} still has {}", *name, *left),
                  fmt::format("remove them first; the domains are listed by: bulkhead domain list --tenant {}, and the "
                              "others likewise by bulkhead account, alias, address, route and token list",
                              *name));
    }
    auto remove = connection.prepare("DELETE FROM tenants WHERE id = ?");
    return remove.bind(id).run();
  });
}

}  // namespace bulkhead::tenants

// Limits, and the settings of the whole node that go with them.
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tenants/sqlite_directory.h"
#include "tenants/sqlite_rows.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

constexpr const char* kWarmUp = "warm-up";  // days' numbers, separated by blanks; "" for none

// What the limit ends with.
struct References {
  std::optional<AccountId> account;
  std::optional<TenantId> tenant;
  std::optional<AddressId> address;
};

Result<AddressId> address_id(sqlite::Connection& connection, const IpAddress& ip) {
  auto rows = connection.prepare("SELECT id FROM source_addresses WHERE ip = ?");
  rows.bind(ip.text());
  if (rows.row()) return rows.id<AddressId>();
  if (auto status = rows.status(); !status) return fail(status.error());
  return fail(ErrorCode::kNotFound, fmt::format("no address {}", ip.text()));
}

Result<References> references_of(sqlite::Connection& connection, const Limit& limit) {
  References references;
  switch (limit.scope) {
    case LimitScope::kAccount: {
      references.account = AccountId::from_bytes(limit.subject);
      auto rows = connection.prepare("SELECT 1 FROM accounts WHERE id = ?");
      rows.bind(*references.account);
      if (!rows.row()) return fail(ErrorCode::kNotFound, fmt::format("no account {}", references.account->text()));
      break;
    }
    case LimitScope::kTenant:
    case LimitScope::kReseller: {
      references.tenant = TenantId::from_bytes(limit.subject);
      if (auto name = tenant_name(connection, *references.tenant); !name) return fail(name.error());
      break;
    }
    case LimitScope::kAddress:
    case LimitScope::kAddressSite: {
      auto id = address_id(connection, *limit_address(limit));
      if (!id) return fail(id.error());
      references.address = *id;
      break;
    }
    case LimitScope::kPlan:
    case LimitScope::kSite:
      break;
  }
  return references;
}

std::string rate_text(const std::optional<Rate>& rate) {
  return rate ? rate->text() : std::string{};
}

std::int64_t number_of(const std::optional<std::uint32_t>& number) {
  return number ? static_cast<std::int64_t>(*number) : -1;
}

Status remove_limit(sqlite::Connection& connection, const Limit& limit) {
  auto remove = connection.prepare("DELETE FROM limits WHERE scope = ? AND subject = ?");
  return remove.bind(static_cast<int>(limit.scope), sqlite::Blob{limit.subject}).run();
}

}  // namespace

Status SqliteDirectory::set_limit(const Limit& limit) {
  if (auto valid = validate(limit); !valid) return valid;
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    if (auto removed = remove_limit(connection, limit); !removed || limit.is_empty()) return removed;
    const auto references = references_of(connection, limit);
    if (!references) return fail(references.error());
    auto insert = connection.prepare("INSERT INTO limits (account, tenant, address, " BULKHEAD_LIMIT_COLUMNS
                                     ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(references->account, references->tenant, references->address, static_cast<int>(limit.scope),
                sqlite::Blob{limit.subject}, rate_text(limit.messages), rate_text(limit.recipients),
                rate_text(limit.bytes), number_of(limit.connections), number_of(limit.messages_per_connection),
                number_of(limit.days));
    return insert.run();
  });
}

Status SqliteDirectory::set_warm_up(const WarmUpTable& table) {
  if (auto valid = validate(table); !valid) return valid;
  return change_snapshot([&](sqlite::Connection& connection) -> Status {
    auto insert = connection.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)");
    return insert.bind(kWarmUp, fmt::format("{}", fmt::join(table, " "))).run();
  });
}

Result<WarmUpTable> read_warm_up(sqlite::Connection& connection) {
  auto rows = connection.prepare("SELECT value FROM settings WHERE name = ?");
  rows.bind(kWarmUp);
  if (!rows.row()) {
    if (auto status = rows.status(); !status) return fail(status.error());
    return default_warm_up();
  }
  const auto text = rows.text();
  WarmUpTable table;
  for (const char* at = text.data(); at < text.data() + text.size(); ++at) {
    std::uint64_t messages = 0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), messages);
    if (error != std::errc{}) return fail(ErrorCode::kCorrupt, "the directory's warm-up table is not readable");
    table.push_back(messages);
    at = end;
  }
  return table;
}

}  // namespace bulkhead::tenants

// Many accounts from CSV (RFC 4180): a header line names the columns; each row stands by itself.
#include <charconv>

#include <fmt/format.h>

#include "src/admin/csv.h"
#include "src/admin/use_cases/account_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kRowsMax = 1000;

// The body of POST /accounts that a row stands for.
Result<Json> body_of(const CsvTable& table, const CsvRow& row) {
  Json body = Json::object();
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const auto& column = table.columns[i];
    const auto& value = row.fields[i];
    if (value.empty()) continue;
    if (column == "client_networks") {
      body[column] = split_list(value);
    } else if (column == "quota") {
      std::uint64_t quota = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quota);
      if (error != std::errc{} || end != value.data() + value.size()) {
        return fail(ErrorCode::kInvalid, "quota is not a number of bytes");
      }
      body[column] = quota;
    } else {
      body[column] = value;
    }
  }
  return body;
}

Result<tenants::Account> import_row(const AdminServices& services, const Call& call, const CsvTable& table,
                                    const CsvRow& row) {
  if (row.fields.size() != table.columns.size()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the row has {} fields, the header {}", row.fields.size(), table.columns.size()));
  }
  auto body = body_of(table, row);
  if (!body) return fail(body.error());
  Call one;
  one.caller = call.caller;
  one.body = std::move(*body);
  if (!one.has("address")) return fail(ErrorCode::kInvalid, "the row has no address");
  return create_account(services, one);
}

Status check_columns(const CsvTable& table) {
  bool has_address = false;
  for (const auto& column : table.columns) {
    has_address = has_address || column == "address";
    bool is_known = false;
    for (const auto* known : {"address", "name", "kind", "state", "password", "quota", "client_networks"}) {
      is_known = is_known || column == known;
    }
    if (!is_known) {
      return fail(ErrorCode::kInvalid, fmt::format("the column \"{}\" is not known", escape_controls(column, 80)),
                  "columns: address, name, kind, state, password, quota, client_networks");
    }
  }
  if (!has_address)
    return fail(ErrorCode::kInvalid, "the column address is missing", "the first line names the columns");
  return {};
}

}  // namespace

Result<Json> import_accounts(const AdminServices& services, const Call& call) {
  const auto table = parse_csv(call.raw_body, kRowsMax);
  if (!table) return fail(table.error());
  if (auto done = check_columns(*table); !done) return fail(done.error());
  std::size_t created = 0;
  Json failed = Json::array();
  for (const auto& row : table->rows) {
    const auto made = import_row(services, call, *table, row);
    if (made) {
      ++created;
      record_change(services, call, made->tenant, Change{"account " + made->address.text()}.verb("added by import"));
      continue;
    }
    failed.push_back(
        Json{{"line", row.line}, {"code", to_string(made.error().code)}, {"message", made.error().message}});
  }
  refresh_after_change(services);
  return Json{{"created", created}, {"failed", std::move(failed)}};
}

}  // namespace bulkhead::admin

// Many accounts from CSV (RFC 4180): a header line names the columns; each row stands by itself.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/csv.h"
#include "src/admin/use_cases/account_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/mailbox/removal.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kRowsMax = 1000;
constexpr std::size_t kFormersMax = 100;
constexpr std::array kColumns{"address", "name", "kind",          "state",           "password",
                              "quota",   "plan", "password_hash", "client_networks", "former_addresses"};

// The body of POST /accounts that a row stands for.
Result<Json> body_of(const CsvTable& table, const CsvRow& row) {
  Json body = Json::object();
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const auto& column = table.columns[i];
    const auto& value = row.fields[i];
    if (value.empty()) continue;
    if (column == "client_networks" || column == "former_addresses") {
      body[column] = split_list(value);
    } else if (column == "quota") {
      std::uint64_t quota = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quota);
      if (error != std::errc{} || end != value.data() + value.size()) {
        return fail(ErrorCode::kInvalid, "quota is no size: write bytes; the command line takes 2G, too");
      }
      body[column] = quota;
    } else {
      body[column] = value;
    }
  }
  return body;
}

// Asked before the account is made, so that a row is seldom refused half way.
Status check_free(const AdminServices& services, const mail::Address& address) {
  const auto account = services.directory.account_by_address(address);
  if (!account) return fail(account.error());
  const auto alias = services.directory.alias_by_address(address);
  if (!alias) return fail(alias.error());
  if (!*account && !*alias) return {};
  return fail(ErrorCode::kExists, fmt::format("the former address {} is taken", address.text()));
}

// In domains that the caller sees, as the address itself must be.
Result<std::vector<mail::Address>> former_addresses_of(const AdminServices& services, const Call& one) {
  std::vector<mail::Address> formers;
  for (const auto& text : one.texts("former_addresses")) {
    auto address = parse_local_address(text);
    if (!address) return fail(address.error());
    const auto domain = domain_of(services, one.caller, *address);
    if (!domain) return fail(domain.error());
    address->domain = domain->name;
    if (auto checked = check_free(services, *address); !checked) return fail(checked.error());
    formers.push_back(std::move(*address));
  }
  if (formers.size() > kFormersMax) {
    return fail(ErrorCode::kInvalid, fmt::format("an account has at most {} former addresses here", kFormersMax));
  }
  return formers;
}

// An address becomes a former one by being given up: the account is renamed to each and back. When one of them is
// another's, the row is refused and nothing of the account stays.
Result<tenants::Account> with_former_addresses(const AdminServices& services, const tenants::Account& made,
                                               std::vector<mail::Address> formers) {
  tenants::Account account = made;
  formers.push_back(made.address);
  for (auto& address : formers) {
    account.address = std::move(address);
    const auto renamed = services.directory.update_account(account);
    if (renamed) continue;
    // As for any removal: mail may have come meanwhile.
    if (auto noted = mailbox::note_removal(services.store, made.id, services.clock.now()); !noted) {
      return fail(noted.error());
    }
    if (auto undone = services.directory.remove_account(made.id); !undone) return fail(undone.error());
    return fail(renamed.error());
  }
  return account;
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
  auto formers = former_addresses_of(services, one);
  if (!formers) return fail(formers.error());
  const auto made = create_account(services, one);
  if (!made || formers->empty()) return made;
  return with_former_addresses(services, *made, std::move(*formers));
}

void add(Touched& all, Touched more) {
  std::ranges::move(more.addresses, std::back_inserter(all.addresses));
  std::ranges::move(more.accounts, std::back_inserter(all.accounts));
  std::ranges::move(more.tenants, std::back_inserter(all.tenants));
  all.is_everything = all.is_everything || more.is_everything;
}

Status check_columns(const CsvTable& table) {
  bool has_address = false;
  for (const auto& column : table.columns) {
    has_address = has_address || column == "address";
    if (std::ranges::find(kColumns, column) == kColumns.end()) {
      return fail(ErrorCode::kInvalid, fmt::format("the column \"{}\" is not known", escape_controls(column, 80)),
                  fmt::format("columns: {}", fmt::join(kColumns, ", ")));
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
  Touched touched;
  for (const auto& row : table->rows) {
    const auto made = import_row(services, call, *table, row);
    if (made) {
      ++created;
      add(touched, touched_by(services, *made));
      record_change(services, call, made->tenant, Change{"account " + made->address.text()}.verb("added by import"));
      continue;
    }
    touched = Touched::everything();  // an account may have been there for a moment
    failed.push_back(
        Json{{"line", row.line}, {"code", to_string(made.error().code)}, {"message", made.error().message}});
  }
  refresh_after_change(services, touched);
  return Json{{"created", created}, {"failed", std::move(failed)}};
}

}  // namespace bulkhead::admin

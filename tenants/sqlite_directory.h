// The directory in one SQLite file. Not included outside this folder: see open_sqlite_directory() in directory.h.
//
// One connection writes, under a lock; two read. With the write-ahead log, readers and the writer do not wait for
// each other, and a read after a change sees it.
#pragma once

#include <array>
#include <mutex>

#include "tenants/directory.h"
#include "tenants/sqlite.h"

namespace bulkhead::tenants {

class SqliteDirectory final : public Directory {
 public:
  static Result<std::unique_ptr<Directory>> open(const std::string& path, const Clock& clock, Random& random);

  Result<DirectorySnapshotRows> snapshot_rows() override;
  Result<std::uint64_t> snapshot_version() override;

  Result<Tenant> create_tenant(Tenant tenant) override;
  Result<Tenant> update_tenant(const Tenant& tenant) override;
  Status remove_former_name(const TenantId& id, std::string_view name) override;
  Status remove_tenant(const TenantId& id) override;

  Result<Domain> create_domain(Domain domain) override;
  Result<Domain> update_domain(const Domain& domain) override;
  Status remove_former_name(const DomainId& id, std::string_view name) override;
  Status remove_domain(const DomainId& id) override;

  Result<SourceAddress> create_address(SourceAddress address) override;
  Result<SourceAddress> update_address(const SourceAddress& address) override;
  Status remove_address(const AddressId& id) override;
  Result<Route> create_route(Route route) override;
  Status remove_route(const RouteId& id) override;
  Result<Token> create_token(Token token) override;
  Status remove_token(const TokenId& id) override;
  Status set_limit(const Limit& limit) override;
  Status set_warm_up(const WarmUpTable& table) override;

  Result<Account> create_account(Account account) override;
  Result<Account> update_account(const Account& account) override;
  Result<std::vector<mail::Address>> former_addresses(const AccountId& id) override;
  Status remove_former_address(const AccountId& id, const mail::Address& address) override;
  Status remove_account(const AccountId& id) override;
  Result<std::optional<Account>> account_by_id(const AccountId& id) override;
  Result<std::optional<Account>> account_by_address(const mail::Address& address) override;
  Result<std::vector<Account>> accounts(const std::optional<TenantId>& tenant, std::string_view after,
                                        std::size_t limit) override;
  Result<std::optional<Account>> oldest_active_account(const TenantId& tenant) override;
  Result<std::vector<Account>> accounts_with_networks() override;

  Result<Alias> create_alias(Alias alias) override;
  Status remove_alias(const AliasId& id) override;
  Result<std::optional<Alias>> alias_by_address(const mail::Address& address) override;
  Result<std::vector<Alias>> aliases(const std::optional<TenantId>& tenant, std::string_view after,
                                     std::size_t limit) override;

 private:
  struct Reader {
    std::mutex mutex;
    std::unique_ptr<sqlite::Connection> connection;
  };
  // A reading connection for as long as this lives.
  struct Reading {
    std::unique_lock<std::mutex> lock;
    sqlite::Connection& connection;
  };

  SqliteDirectory(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  Reading read();

  // Runs `body(connection)` in a transaction of the writer.
  template <class Body>
  auto change(Body&& body) {
    const std::lock_guard lock{writer_mutex_};
    return writer_->transact([&] { return body(*writer_); });
  }
  // The same for what the snapshot holds: its version grows.
  template <class Body>
  auto change_snapshot(Body&& body) {
    return change([&](sqlite::Connection& connection) {
      auto result = body(connection);
      if (!result) return result;
      if (auto grown = grow_version(connection); !grown) result = fail(grown.error());
      return result;
    });
  }
  static Status grow_version(sqlite::Connection& connection);

  const Clock& clock_;
  Random& random_;
  std::mutex writer_mutex_;
  std::unique_ptr<sqlite::Connection> writer_;
  std::array<Reader, 2> readers_;
};

// Shared by the parts of the directory.

// The tenant's name; kNotFound when there is none with this id.
Result<std::string> tenant_name(sqlite::Connection& connection, const TenantId& id);

// The names that `sql` finds for the id and the present name of a tenant or a domain.
template <class Named>
Result<std::vector<std::string>> name_list(sqlite::Connection& connection, std::string_view sql, const Named& named) {
  std::vector<std::string> names;
  auto rows = connection.prepare(sql);
  rows.bind(named.id, named.name);
  while (rows.row()) names.push_back(rows.text());
  if (auto status = rows.status(); !status) return fail(status.error());
  return names;
}

// One row of a lookup by address: who has it.
struct AddressOwner {
  DomainId domain;
  TenantId tenant;                   // of the domain
  std::optional<AccountId> account;  // neither: nobody has it
  std::optional<AliasId> alias;
  bool is_current = false;
};
// Finds the domain by present or former name; nothing when it is not ours.
Result<std::optional<AddressOwner>> owner_of(sqlite::Connection& connection, const mail::Address& address);
// The domain of `address` if it is the tenant's, and the address if nobody has it (but for `except`): kNotFound for a
// domain that is missing or another tenant's, kExists naming who has the address.
Result<AddressOwner> claim_address(sqlite::Connection& connection, const mail::Address& address, const TenantId& tenant,
                                   const std::optional<AccountId>& except);

// The warm-up table as it was set; the default when it was not.
Result<WarmUpTable> read_warm_up(sqlite::Connection& connection);

// Splits the `after` of a listing at its last '@' into domain and local part.
struct ListPosition {
  std::string domain, local;
};
ListPosition list_position(std::string_view after);

}  // namespace bulkhead::tenants

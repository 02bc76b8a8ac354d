// The directory: tenants, domains, accounts, aliases, source addresses, routes, tokens. Relational, behind an
// interface that SQLite implements and MariaDB will. Every call blocks: only the blocking pool calls it.
// The hot path reads `LiveDirectory` (tenants/live_directory.h), never this.
//
// Names are attributes; ids never change. A call that takes a tenant first finds nothing of another tenant.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/base/secret.h"
#include "src/mail/address.h"
#include "tenants/limit.h"

namespace bulkhead::tenants {

enum class Suspension : std::uint8_t { kActive, kSuspended };

struct Tenant {
  TenantId id;
  std::string name;                       // [a-z0-9][a-z0-9-]{0,62}
  std::vector<std::string> former_names;  // kept by renaming; they go on finding it. Filled by the directory
  std::optional<TenantId> reseller;       // a tenant that owns this one; at most four levels, no cycles
  Suspension suspension = Suspension::kActive;
  std::string certificate_pem, key_pem;  // the tenant's own, "" when it has none
  std::string postmaster;                // where the tenant's postmaster mail goes, "" = none
  // Where complaints and late bounces about its mail come back to: taken though nobody may have a mailbox there. ""
  // = none.
  std::string feedback_address = {};
  std::uint64_t message_size_max = 52428800;
  std::uint32_t recipients_max = 1000;
  // Whether it uses the shared addresses while it has none of its own. Getting an address of its own ends that: a
  // tenant that loses its last one sends nothing until it is given another, or an operator says that it may share
  // (again).
  bool shares_addresses = true;
  std::uint32_t tenants_max = 0;  // how many it may own as a reseller, directly and through others; 0: no reseller
  Plan plan = Plan::kNormal;      // of its accounts, unless they have one of their own
  OverLimit over_limit = OverLimit::kRefuse;
  UtcTime created_at;
};

struct Domain {
  DomainId id;
  TenantId tenant;
  std::string name;                       // canonical
  std::vector<std::string> former_names;  // kept by renaming; they go on working. Filled by the directory
  std::string catch_all;                  // address, "" when unknown recipients are refused
  std::string certificate_pem, key_pem;
  UtcTime created_at;
};

// A source address: an IP of this node that mail arrives on and leaves from.
struct SourceAddress {
  AddressId id;
  IpAddress ip;
  std::optional<TenantId> tenant;  // nothing: shared, see Tenant::shares_addresses
  std::string helo;                // "" : the node's name
  bool is_default = false;         // preferred among the tenant's (or the shared) of its family; at most one is
  UtcTime created_at;
};

enum class AccountKind : std::uint8_t { kPerson, kRoom, kEquipment, kShared };

struct Account {
  AccountId id;
  TenantId tenant;
  DomainId domain;
  mail::Address address;  // local part in lower case
  std::string full_name;
  AccountKind kind = AccountKind::kPerson;
  Suspension suspension = Suspension::kActive;
  std::string password_hash;               // argon2id in PHC form, "" = no sign-in
  std::vector<IpNetwork> client_networks;  // clients that need no password; what they send counts for this account
  std::uint64_t quota_bytes = 0;           // 0: unlimited
  std::optional<Plan> plan;                // nothing: new for its first days, then its tenant's
  UtcTime created_at;
};

struct Alias {
  AliasId id;
  TenantId tenant;
  mail::Address from;             // local part in lower case
  std::vector<mail::Address> to;  // local accounts, other aliases, or remote addresses (forwards)
  UtcTime created_at;
};

enum class RouteTls : std::uint8_t { kOpportunistic, kRequired, kVerified, kNone };

struct Route {
  RouteId id;
  std::optional<TenantId> tenant;  // nothing: for all
  std::string pattern;             // "example.com", "*.example.com", "*"
  std::string host;                // name or IP
  std::uint16_t port = 25;
  RouteTls tls = RouteTls::kOpportunistic;
};

struct Token {
  TokenId id;
  std::string name;
  std::string hash;                // SHA-256 of the secret, hex
  std::optional<TenantId> tenant;  // nothing: operator, sees everything
  std::optional<UtcTime> expires_at;
};

// Read on every connection, small: kept whole in memory. Everything but accounts and aliases.
struct DirectorySnapshotRows {
  std::uint64_t version = 0;  // grows with every change of what a snapshot holds (accounts with networks included)
  std::vector<Tenant> tenants;
  std::vector<Domain> domains;
  std::vector<SourceAddress> addresses;
  std::vector<Route> routes;
  std::vector<Token> tokens;
  std::vector<Limit> limits;
  WarmUpTable warm_up = default_warm_up();
};

// Errors: kNotFound, kExists, kInvalid (which field, what is allowed), kConflict (what still depends on it),
// kUnavailable (database away).
class Directory {
 public:
  virtual ~Directory() = default;

  // To be held from the reading of a thing to its update_…, which writes the whole of it: of two who alter it at the
  // same time one would undo what the other did. Never while something slow is done.
  [[nodiscard]] std::unique_lock<std::mutex> lock_for_change() { return std::unique_lock{changing_}; }

  virtual Result<DirectorySnapshotRows> snapshot_rows() = 0;
  // The version that snapshot_rows() would have; one small read.
  virtual Result<std::uint64_t> snapshot_version() = 0;

  // Each change is one transaction, durable when the call returns. `create` fills id and created_at. `update` finds
  // the thing by id; one that belongs to another tenant than the argument says is not found.
  virtual Result<Tenant> create_tenant(Tenant tenant) = 0;
  // By id, name included: a new name keeps the old as a former name. One that is another tenant's former name is taken
  // over from it, here and by create_tenant.
  virtual Result<Tenant> update_tenant(const Tenant& tenant) = 0;
  virtual Status remove_former_name(const TenantId& id, std::string_view name) = 0;
  virtual Status remove_tenant(const TenantId& id) = 0;  // refused while anything belongs to it
  virtual Result<Domain> create_domain(Domain domain) = 0;
  virtual Result<Domain> update_domain(const Domain& domain) = 0;  // a new name keeps the old as a former name
  virtual Status remove_former_name(const DomainId& id, std::string_view name) = 0;  // no longer ours
  virtual Status remove_domain(const DomainId& id) = 0;
  virtual Result<SourceAddress> create_address(SourceAddress address) = 0;
  virtual Result<SourceAddress> update_address(const SourceAddress& address) = 0;
  virtual Status remove_address(const AddressId& id) = 0;
  virtual Result<Route> create_route(Route route) = 0;
  virtual Status remove_route(const RouteId& id) = 0;
  virtual Result<Token> create_token(Token token) = 0;
  virtual Status remove_token(const TokenId& id) = 0;
  // In place of the one that its scope and subject had; an empty one removes it. kNotFound when there is no such
  // account, tenant or address.
  virtual Status set_limit(const Limit& limit) = 0;
  virtual Status set_warm_up(const WarmUpTable& table) = 0;

  // The account's domain is the one of its address, which must be the tenant's; `domain` is filled.
  virtual Result<Account> create_account(Account account) = 0;
  // A new address keeps the old one as a former address, which goes on working.
  virtual Result<Account> update_account(const Account& account) = 0;
  virtual Result<std::vector<mail::Address>> former_addresses(const AccountId& id) = 0;
  virtual Status remove_former_address(const AccountId& id, const mail::Address& address) = 0;
  virtual Status remove_account(const AccountId& id) = 0;
  virtual Result<std::optional<Account>> account_by_id(const AccountId& id) = 0;
  // Any case; former addresses and former names of the domain find it too.
  virtual Result<std::optional<Account>> account_by_address(const mail::Address& address) = 0;
  // In order of domain, then local part; those after the address `after` ("" = from the beginning), at most `limit`;
  // of one tenant, or of all with nothing.
  virtual Result<std::vector<Account>> accounts(const std::optional<TenantId>& tenant, std::string_view after,
                                                std::size_t limit) = 0;
  // The one that the tenant has longest among the active accounts of people, and of several at once the first by id.
  virtual Result<std::optional<Account>> oldest_active_account(const TenantId& tenant) = 0;
  // Accounts with client networks, for recognising a client by its IP: few, kept in memory.
  virtual Result<std::vector<Account>> accounts_with_networks() = 0;

  // `from` lies in a domain of the tenant; no account or alias has it yet.
  virtual Result<Alias> create_alias(Alias alias) = 0;
  virtual Status remove_alias(const AliasId& id) = 0;
  virtual Result<std::optional<Alias>> alias_by_address(const mail::Address& address) = 0;
  virtual Result<std::vector<Alias>> aliases(const std::optional<TenantId>& tenant, std::string_view after,
                                             std::size_t limit) = 0;

 private:
  std::mutex changing_;
};

// Opens or creates the SQLite directory at `path` and migrates it to the newest schema.
// kConflict when the file was made by a newer program.
Result<std::unique_ptr<Directory>> open_sqlite_directory(const std::string& path, const Clock& clock, Random& random);

}  // namespace bulkhead::tenants

// What the servers read of the directory: an immutable snapshot behind an atomic pointer for what is small, a bounded
// cache for accounts and aliases. A lookup never waits for the database on an I/O thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/log.h"
#include "src/base/result.h"
#include "src/base/task.h"
#include "src/net/shard.h"
#include "tenants/directory.h"

namespace bulkhead::tenants {

// Immutable; shared between threads. Lookups by name take canonical names.
class Snapshot {
 public:
  explicit Snapshot(DirectorySnapshotRows rows, std::vector<Account> networked_accounts);

  std::uint64_t version() const;
  const Tenant* tenant(const TenantId& id) const;
  const Tenant* tenant_by_name(std::string_view name) const;
  const std::vector<Tenant>& tenants() const;
  const Domain* domain(const DomainId& id) const;
  const Domain* domain_by_name(std::string_view name) const;
  const std::vector<Domain>& domains() const;
  const SourceAddress* address(const IpAddress& ip) const;
  const std::vector<SourceAddress>& addresses() const;
  // The addresses a tenant may use in a family: its own if it has any there, otherwise the shared ones; the default
  // first. Empty: that family is not used for this tenant.
  std::vector<const SourceAddress*> usable_addresses(const TenantId& tenant, Family family) const;
  // Whether `tenant` is served on `arrival`: its own address, a shared one while it has none of its own, or an
  // address that the directory does not know (then every tenant is, as on loopback before any is configured).
  bool is_served_on(const TenantId& tenant, const IpAddress& arrival) const;
  // The most specific route: the tenant's before the general, exact before suffix before '*'. Null: use MX.
  const Route* route(const TenantId& tenant, std::string_view domain) const;
  const std::vector<Route>& routes() const;
  const std::vector<Token>& tokens() const;
  // The account whose client networks hold `client`, among tenants served on `arrival`; the longest prefix wins.
  const Account* account_by_client(const IpAddress& client, const IpAddress& arrival) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// What a recipient address means here.
struct Resolution {
  enum class Kind : std::uint8_t {
    kRemote,    // the domain is not ours
    kUnknown,   // ours, but no such recipient: refused at RCPT
    kTargets,   // delivered to `accounts` and forwarded to `forwards`
    kLoop,      // aliases that never end, or expand to more than 1,000 targets
  } kind = Kind::kUnknown;
  TenantId tenant;                       // of the domain, when ours
  std::vector<Account> accounts;
  std::vector<mail::Address> forwards;
};

class LiveDirectory {
 public:
  // Loads the first snapshot; blocks. `pool` runs the database calls.
  static Result<std::unique_ptr<LiveDirectory>> load(Directory& directory, net::BlockingPool& pool, Log& log);
  virtual ~LiveDirectory() = default;

  virtual SnapshotPtr snapshot() const = 0;  // any thread; one atomic load
  // After a change: rebuilds the snapshot, forgets the cached accounts and aliases, tells the observers. Pool thread.
  virtual Status refresh() = 0;
  // Runs on the thread of refresh() after each new snapshot.
  virtual void on_change(std::function<void(const SnapshotPtr&)> observer) = 0;

  // Plus addressing (user+tag), aliases (nested), catch-all, postmaster; resumes on `shard`.
  // kUnavailable: the database is away and the answer is not cached.
  virtual Task<Result<Resolution>> resolve(net::Shard& shard, mail::Address recipient) = 0;
  virtual Task<Result<std::optional<Account>>> account_by_address(net::Shard& shard, mail::Address address) = 0;
  virtual Task<Result<std::optional<Account>>> account_by_id(net::Shard& shard, AccountId id) = 0;
  // Verifies a password: same time for known and unknown users; at most so many hashes at once, the rest queue;
  // kUnavailable when too many wait. Nothing: refused. A correct one is cached for a short time (keyed hash).
  virtual Task<Result<std::optional<Account>>> sign_in(net::Shard& shard, mail::Address user, Secret password) = 0;
  // Whether the account may send as `sender`: its own address, an alias that leads to it, with client networks any
  // address of its tenant's domains; plus addressing allowed.
  virtual Task<Result<bool>> may_send_as(net::Shard& shard, Account account, mail::Address sender) = 0;
};

// argon2id, PHC string. Blocks for tens of milliseconds.
Result<std::string> hash_password(const Secret& password, Random& random);
bool verify_password(std::string_view phc, const Secret& password);

}  // namespace bulkhead::tenants

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
  const Tenant* tenant_by_name(std::string_view name) const;  // former names find it too
  const std::vector<Tenant>& tenants() const;
  // What a reseller owns, directly and through others, in order of their ids.
  std::vector<TenantId> owned_by(const TenantId& reseller) const;
  const Domain* domain(const DomainId& id) const;
  const Domain* domain_by_name(std::string_view name) const;  // former names find it too
  const std::vector<Domain>& domains() const;
  const SourceAddress* address(const IpAddress& ip) const;
  const std::vector<SourceAddress>& addresses() const;
  // The addresses a tenant may use in a family, the default first, then in order of their making. A tenant with at
  // least one address of its own, of whatever family, uses only its own; one with none uses the shared ones while it
  // shares (Tenant::shares_addresses). Empty: that family is not used for this tenant (one with IPv4 only never
  // connects over IPv6), or the tenant is gone.
  const std::vector<const SourceAddress*>& usable_addresses(const TenantId& tenant, Family family) const;
  bool has_own_address(const TenantId& tenant) const;
  // Whether `tenant` is served on `arrival`: its own address, a shared one while it uses those, or an
  // address that the directory does not know: wildcard listeners accept on addresses that nobody has assigned yet,
  // and there every tenant is served. What a tenant with own addresses sends leaves from these all the same.
  bool is_served_on(const TenantId& tenant, const IpAddress& arrival) const;
  // The most specific route: the tenant's before the general, exact before suffix before '*'. Null: use MX.
  const Route* route(const TenantId& tenant, std::string_view domain) const;
  const std::vector<Route>& routes() const;
  const std::vector<Token>& tokens() const;
  // What was set for the subject itself; null when nothing was. See limit_subject() for the keys.
  const Limit* limit(LimitScope scope, std::string_view subject) const;
  const std::vector<Limit>& limits() const;
  const WarmUpTable& warm_up() const;
  // The account whose client networks hold `client`, among tenants served on `arrival`; the longest prefix wins.
  // Suspended accounts, and those of suspended tenants, are passed over.
  const Account* account_by_client(const IpAddress& client, const IpAddress& arrival) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// What a recipient address means here.
struct Resolution {
  enum class Kind : std::uint8_t {
    kRemote,     // the domain is not ours
    kUnknown,    // ours, but no such recipient: refused at RCPT
    kTargets,    // delivered to `accounts` and forwarded to `forwards`
    kLoop,       // aliases that never end, nest deeper than 10, or expand to more than 1,000 targets
    kSuspended,  // ours, but the tenant is suspended, or every account it leads to (then `accounts` has them)
  } kind = Kind::kUnknown;
  TenantId tenant;                // of the domain, when ours
  std::vector<Account> accounts;  // of this tenant; suspended ones only with kSuspended
  // Remote addresses and those of other tenants here: they are sent on as mail of this tenant, and resolved again.
  std::vector<mail::Address> forwards;
  bool is_feedback = false;  // with kTargets: the tenant's feedback address, whether or not it is a mailbox, too
};

// What a LiveDirectory is made of, for tests that bring their own clock and randomness.
struct LiveDirectoryParts {
  Directory& directory;
  net::BlockingPool& pool;
  Log& log;
  const Clock& clock;
  Random& random;
};
struct LiveDirectoryLimits {
  std::size_t cache_entries_max = 100'000;  // accounts and aliases, known and unknown
  std::size_t hash_threads = 2;             // password hashes at once; each takes 19 MiB
  std::size_t hash_waiting_max = 64;
  std::chrono::seconds sign_in_kept{120};  // how long a correct password needs no hash
};

// Passwords that were verified since the start, for the metrics.
struct PasswordCounts {
  std::uint64_t right = 0, wrong = 0;
  std::uint64_t remembered = 0;  // right, without a hash
  std::uint64_t refused = 0;     // too many were waiting
};

// What a change may have made untrue of what is cached.
struct Touched {
  std::vector<mail::Address> addresses{};  // as the directory keeps them: of accounts, former ones, of aliases
  std::vector<AccountId> accounts{};
  std::vector<TenantId> tenants{};  // whose oldest account may be another
  bool is_everything = false;
  static Touched everything() { return {.is_everything = true}; }
  static Touched nothing() { return {}; }
};

class LiveDirectory {
 public:
  // Loads the first snapshot; blocks. `pool` runs the database calls.
  // Threads of its own hash passwords. The arguments must outlive it.
  static Result<std::unique_ptr<LiveDirectory>> load(Directory& directory, net::BlockingPool& pool, Log& log);
  static Result<std::unique_ptr<LiveDirectory>> load(const LiveDirectoryParts& parts, LiveDirectoryLimits limits);
  virtual ~LiveDirectory() = default;

  virtual SnapshotPtr snapshot() const = 0;  // any thread; one atomic load
  // After a change: forgets what it touched of the cached accounts and aliases; rebuilds the snapshot if what it holds
  // has changed, and tells the observers. On an error (the database is away) the snapshot stays as it was until the
  // next change. Any thread that may block.
  virtual Status refresh(const Touched& touched) = 0;
  Status refresh() { return refresh(Touched::everything()); }
  // Runs on the thread of refresh() after each new snapshot.
  virtual void on_change(std::function<void(const SnapshotPtr&)> observer) = 0;

  // Plus addressing (user+tag), aliases (nested), catch-all, postmaster; resumes on `shard`. A postmaster that leads
  // nowhere is the tenant's oldest active account.
  // kUnavailable: the database is away and the answer is not cached.
  virtual Task<Result<Resolution>> resolve(net::Shard& shard, mail::Address recipient) = 0;
  virtual Task<Result<std::optional<Account>>> account_by_address(net::Shard& shard, mail::Address address) = 0;
  virtual Task<Result<std::optional<Account>>> account_by_id(net::Shard& shard, AccountId id) = 0;
  // Verifies a password. `user` is the account's address (any case, former ones too), without a tag. Takes the same
  // time for known and unknown users; at most so many hashes at once, the rest queue; kUnavailable when too many wait.
  // Nothing: refused. A correct one is cached for a short time (keyed hash).
  virtual Task<Result<std::optional<Account>>> sign_in(net::Shard& shard, mail::Address user, Secret password) = 0;
  virtual PasswordCounts password_counts() const { return {}; }  // any thread
  // Whether the account may send as `sender`: its own address, an alias that leads to it, with client networks any
  // address of its tenant's domains; plus addressing allowed.
  virtual Task<Result<bool>> may_send_as(net::Shard& shard, Account account, mail::Address sender) = 0;
};

// argon2id, PHC string. Blocks for tens of milliseconds and takes 19 MiB: on a pool. A password has 1 to 1024 bytes.
Result<std::string> hash_password(const Secret& password, Random& random);
bool verify_password(std::string_view phc, const Secret& password);

}  // namespace bulkhead::tenants

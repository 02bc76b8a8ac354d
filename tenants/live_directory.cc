#include "tenants/live_directory.h"

#include <mutex>

#include <fmt/format.h>

#include "tenants/address_cache.h"
#include "tenants/expansion.h"
#include "tenants/password_check.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

using Fallback = Expansion::Fallback;

Result<SnapshotPtr> read_snapshot(Directory& directory) {
  auto rows = directory.snapshot_rows();
  if (!rows) return fail(rows.error());
  auto accounts = directory.accounts_with_networks();
  if (!accounts) return fail(accounts.error());
  return std::make_shared<const Snapshot>(std::move(*rows), std::move(*accounts));
}

// Keys of the cache. An address begins with neither prefix of an id, so that the kinds never meet.
std::string key_of(const mail::Address& address) {
  return address.local + '@' + address.domain;
}
std::string key_of(const AccountId& id) {
  return std::string{'\0'}.append(id.bytes());
}

std::string key_of(const TenantId& tenant) {  // of its oldest account
  return std::string{'\1'}.append(tenant.bytes());
}

Result<AddressMeaning> read_meaning(Directory& directory, const mail::Address& address) {
  auto account = directory.account_by_address(address);
  if (!account) return fail(account.error());
  if (*account) return AddressMeaning{std::move(**account)};
  auto alias = directory.alias_by_address(address);
  if (!alias) return fail(alias.error());
  if (*alias) return AddressMeaning{std::move(**alias)};
  return AddressMeaning{};
}

Result<AddressMeaning> read_meaning(Directory& directory, const AccountId& id) {
  auto account = directory.account_by_id(id);
  if (!account) return fail(account.error());
  return *account ? AddressMeaning{std::move(**account)} : AddressMeaning{};
}

Result<AddressMeaning> read_meaning(Directory& directory, const TenantId& tenant) {
  auto account = directory.oldest_active_account(tenant);
  if (!account) return fail(account.error());
  return *account ? AddressMeaning{std::move(**account)} : AddressMeaning{};
}

bool is_postmaster(const mail::Address& address) {
  const auto normal = normalised(address);
  const auto base = without_tag(normal);
  return (base ? base->local : normal.local) == "postmaster";
}

bool is_feedback_address(const Snapshot& snapshot, const mail::Address& address) {
  const auto* domain = snapshot.domain_by_name(address.domain);
  const auto* tenant = domain != nullptr ? snapshot.tenant(domain->tenant) : nullptr;
  if (tenant == nullptr || tenant->feedback_address.empty()) return false;
  // It is kept as it was set: its domain may have another name by now.
  auto feedback = mail::Address::parse(tenant->feedback_address);
  if (!feedback || snapshot.domain_by_name(feedback->domain) != domain) return false;
  feedback->domain = domain->name;
  auto normal = normalised(address);
  normal.domain = domain->name;
  const auto base = without_tag(normal);
  const auto kept = normalised(std::move(*feedback));
  return normal == kept || (base && *base == kept);
}

std::optional<Account> account_in(const AddressMeaning& meaning) {
  const auto* account = std::get_if<Account>(&meaning);
  return account != nullptr ? std::optional<Account>{*account} : std::nullopt;
}

class CachedDirectory : public LiveDirectory {
 public:
  CachedDirectory(const LiveDirectoryParts& parts, const LiveDirectoryLimits& limits, SnapshotPtr first)
      : parts_(parts),
        cache_(limits.cache_entries_max),
        passwords_(limits, parts.clock, parts.random),
        snapshot_(std::move(first)) {}

  SnapshotPtr snapshot() const override { return snapshot_.load(std::memory_order_acquire); }
  using LiveDirectory::refresh;
  Status refresh(const Touched& touched) override;
  void on_change(std::function<void(const SnapshotPtr&)> observer) override {
    const std::lock_guard lock{refresh_mutex_};
    observers_.push_back(std::move(observer));
  }

  Task<Result<Resolution>> resolve(net::Shard& shard, mail::Address recipient) override;
  Task<Result<std::optional<Account>>> account_by_address(net::Shard& shard, mail::Address address) override;
  Task<Result<std::optional<Account>>> account_by_id(net::Shard& shard, AccountId id) override;
  Task<Result<std::optional<Account>>> sign_in(net::Shard& shard, mail::Address user, Secret password) override;
  PasswordCounts password_counts() const override { return passwords_.counts(); }
  Task<Result<bool>> may_send_as(net::Shard& shard, Account account, mail::Address sender) override;

 private:
  Task<Result<Resolution>> expand(net::Shard& shard, mail::Address recipient, Fallback fallback);
  // Reads from the database on the pool, and keeps the answer.
  template <class Key>
  Task<Result<AddressMeaningPtr>> read(net::Shard& shard, Key key);
  bool is_active(const Account& account) const;
  void forget(const Touched& touched);
  void note_database(bool is_away, std::string_view why);

  const LiveDirectoryParts parts_;
  AddressCache cache_;
  PasswordCheck passwords_;
  std::atomic<SnapshotPtr> snapshot_;
  std::atomic<bool> is_database_away_{false};
  std::mutex refresh_mutex_;  // one refresh at a time; guards the observers
  std::vector<std::function<void(const SnapshotPtr&)>> observers_;
};

Status CachedDirectory::refresh(const Touched& touched) {
  const std::lock_guard lock{refresh_mutex_};
  forget(touched);  // first: it needs no database, and the next change forgets only its own
  const auto version = parts_.directory.snapshot_version();
  if (!version) return fail(version.error());
  SnapshotPtr fresh;
  if (*version != snapshot()->version()) {
    auto read = read_snapshot(parts_.directory);
    if (!read) return fail(read.error());
    fresh = std::move(*read);
    snapshot_.store(fresh, std::memory_order_release);
  }
  if (!fresh) return {};
  for (const auto& observer : observers_) observer(fresh);
  return {};
}

void CachedDirectory::forget(const Touched& touched) {
  if (touched.is_everything) return cache_.forget_all();
  std::vector<std::string> keys;
  for (const auto& address : touched.addresses) keys.push_back(key_of(normalised(address)));
  for (const auto& account : touched.accounts) keys.push_back(key_of(account));
  for (const auto& tenant : touched.tenants) keys.push_back(key_of(tenant));
  cache_.forget(keys);
}

// Told once when it goes and once when it is back, not for each lookup.
void CachedDirectory::note_database(bool is_away, std::string_view why) {
  if (is_database_away_.exchange(is_away) == is_away) return;
  if (is_away) {
    parts_.log.warning("directory: the database is away, what is cached goes on working: {}", why);
  } else {
    parts_.log.info("directory: the database answers again");
  }
}

template <class Key>
Task<Result<AddressMeaningPtr>> CachedDirectory::read(net::Shard& shard, Key key) {
  const auto mark = cache_.mark();
  auto work = [&directory = parts_.directory, key] { return read_meaning(directory, key); };
  Result<Result<AddressMeaning>> answer = co_await parts_.pool.run(shard, std::move(work));
  if (!answer) co_return fail(ErrorCode::kUnavailable, "too many lookups wait for the directory's database");
  if (!*answer) {
    note_database(true, answer->error().message);
    co_return fail(ErrorCode::kUnavailable, answer->error().message, answer->error().advice);
  }
  note_database(false, {});
  auto meaning = std::make_shared<const AddressMeaning>(std::move(**answer));
  cache_.put(key_of(key), meaning, mark);
  co_return meaning;
}

Task<Result<Resolution>> CachedDirectory::expand(net::Shard& shard, mail::Address recipient, Fallback fallback) {
  const auto now = snapshot();
  Expansion expansion{*now, recipient, fallback};
  while (expansion.next()) {
    auto meaning = cache_.get(key_of(*expansion.next()));
    if (!meaning) {
      mail::Address address = *expansion.next();
      auto read_it = read(shard, std::move(address));
      auto answer = co_await std::move(read_it);
      if (!answer) co_return fail(answer.error());
      meaning = std::move(*answer);
    }
    expansion.answer(*meaning);
  }
  co_return expansion.take();
}

// RFC 5321 §4.5.1: every domain takes mail for its postmaster, even when nobody was made that.
Task<Result<Resolution>> CachedDirectory::resolve(net::Shard& shard, mail::Address recipient) {
  const bool is_required = is_postmaster(recipient);
  const bool is_feedback = is_feedback_address(*snapshot(), recipient);
  auto expand_it = expand(shard, std::move(recipient), is_feedback ? Fallback::kNone : Fallback::kCatchAll);
  auto resolution = co_await std::move(expand_it);
  if (is_feedback && resolution && resolution->kind == Resolution::Kind::kUnknown) {
    resolution->kind = Resolution::Kind::kTargets;
  }
  // What is suspended is the mailbox that the address is besides: reports are read all the same.
  if (is_feedback && resolution && resolution->kind == Resolution::Kind::kSuspended && !resolution->accounts.empty()) {
    resolution->kind = Resolution::Kind::kTargets;
    resolution->accounts.clear();
  }
  if (resolution && resolution->kind == Resolution::Kind::kTargets) resolution->is_feedback = is_feedback;
  if (!is_required || !resolution || resolution->kind != Resolution::Kind::kUnknown) co_return resolution;
  const TenantId tenant = resolution->tenant;
  auto meaning = cache_.get(key_of(tenant));
  if (!meaning) {
    auto read_it = read(shard, tenant);
    auto answer = co_await std::move(read_it);
    if (!answer) co_return fail(answer.error());
    meaning = std::move(*answer);
  }
  if (auto account = account_in(*meaning)) {
    resolution->kind = Resolution::Kind::kTargets;
    resolution->accounts.push_back(std::move(*account));
  }
  co_return resolution;
}

Task<Result<std::optional<Account>>> CachedDirectory::account_by_address(net::Shard& shard, mail::Address address) {
  const auto now = snapshot();
  const auto* domain = now->domain_by_name(address.domain);
  if (domain == nullptr) co_return std::optional<Account>{};
  address = normalised(std::move(address));
  address.domain = domain->name;
  if (const auto meaning = cache_.get(key_of(address))) co_return account_in(*meaning);
  auto read_it = read(shard, std::move(address));
  const auto answer = co_await std::move(read_it);
  if (!answer) co_return fail(answer.error());
  co_return account_in(**answer);
}

Task<Result<std::optional<Account>>> CachedDirectory::account_by_id(net::Shard& shard, AccountId id) {
  if (const auto meaning = cache_.get(key_of(id))) co_return account_in(*meaning);
  auto read_it = read(shard, id);
  const auto answer = co_await std::move(read_it);
  if (!answer) co_return fail(answer.error());
  co_return account_in(**answer);
}

bool CachedDirectory::is_active(const Account& account) const {
  const auto now = snapshot();
  const auto* tenant = now->tenant(account.tenant);
  return tenant != nullptr && tenant->suspension == Suspension::kActive && account.suspension == Suspension::kActive;
}

Task<Result<std::optional<Account>>> CachedDirectory::sign_in(net::Shard& shard, mail::Address user, Secret password) {
  auto find_it = account_by_address(shard, std::move(user));
  auto found = co_await std::move(find_it);
  if (!found) co_return fail(found.error());
  std::optional<Account> account = std::move(*found);
  if (account && !is_active(*account)) account.reset();
  auto check_it = passwords_.is_right(shard, account, std::move(password));
  const Result<bool> is_right = co_await std::move(check_it);
  if (!is_right) co_return fail(is_right.error());
  if (!*is_right) account.reset();
  co_return account;
}

Task<Result<bool>> CachedDirectory::may_send_as(net::Shard& shard, Account account, mail::Address sender) {
  const auto now = snapshot();
  const auto* domain = now->domain_by_name(sender.domain);
  if (domain == nullptr || domain->tenant != account.tenant) co_return false;
  if (!account.client_networks.empty()) co_return true;
  if (normalised(sender) == account.address) co_return true;
  // Without a fallback: an address that nobody has is not the catch-all's to send from.
  auto expand_it = expand(shard, std::move(sender), Fallback::kNone);
  const auto resolution = co_await std::move(expand_it);
  if (!resolution) co_return fail(resolution.error());
  for (const auto& target : resolution->accounts) {
    if (target.id == account.id) co_return true;
  }
  co_return false;
}

// With the system's clock and randomness, which it keeps alive.
struct SystemSources {
  SystemClock clock;
  SystemRandom random;
};
class SystemDirectory final : private SystemSources, public CachedDirectory {
 public:
  SystemDirectory(Directory& directory, net::BlockingPool& pool, Log& log, SnapshotPtr first)
      : CachedDirectory({directory, pool, log, clock, random}, {}, std::move(first)) {}
};

}  // namespace

Result<std::unique_ptr<LiveDirectory>> LiveDirectory::load(Directory& directory, net::BlockingPool& pool, Log& log) {
  auto first = read_snapshot(directory);
  if (!first) return fail(first.error());
  return std::unique_ptr<LiveDirectory>{std::make_unique<SystemDirectory>(directory, pool, log, std::move(*first))};
}

Result<std::unique_ptr<LiveDirectory>> LiveDirectory::load(const LiveDirectoryParts& parts,
                                                           LiveDirectoryLimits limits) {
  auto first = read_snapshot(parts.directory);
  if (!first) return fail(first.error());
  return std::unique_ptr<LiveDirectory>{std::make_unique<CachedDirectory>(parts, limits, std::move(*first))};
}

}  // namespace bulkhead::tenants

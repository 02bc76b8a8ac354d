// A live directory in memory. Rows are public: change them, then publish() makes the next snapshot.
//
// Accounts and aliases are found as the real one finds them: plus addressing, aliases (nested), catch-all. An account's
// password is "secret-of-" and its local part, stored as it is. Header only: link bulkhead::tenants for the snapshot.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/random.h"
#include "tenants/live_directory.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::testlib {

class FakeDirectory final : public tenants::LiveDirectory {
 public:
  FakeDirectory() { publish(); }

  tenants::DirectorySnapshotRows rows;
  std::vector<tenants::Account> accounts;
  std::map<std::string, std::vector<mail::Address>> aliases;  // by address
  bool is_away = false;                                       // the database: every lookup is kUnavailable

  TenantId add_tenant(const std::string& name) {
    tenants::Tenant tenant;
    tenant.id = TenantId::make(clock_, random_);
    tenant.name = name;
    rows.tenants.push_back(tenant);
    return tenant.id;
  }
  void add_domain(const TenantId& tenant, const std::string& name) {
    tenants::Domain domain;
    domain.id = DomainId::make(clock_, random_);
    domain.tenant = tenant;
    domain.name = name;
    rows.domains.push_back(domain);
  }
  void add_address(const std::string& ip, const std::optional<TenantId>& tenant, const std::string& helo) {
    tenants::SourceAddress address;
    address.id = AddressId::make(clock_, random_);
    address.ip = *IpAddress::parse(ip);
    address.tenant = tenant;
    address.helo = helo;
    rows.addresses.push_back(address);
  }
  tenants::Account& add_account(const std::string& text) {
    tenants::Account account;
    account.id = AccountId::make(clock_, random_);
    account.address = *mail::Address::parse(text);
    for (const auto& domain : rows.domains) {
      if (domain.name == account.address.domain) account.tenant = domain.tenant;
    }
    account.password_hash = "secret-of-" + account.address.local;
    accounts.push_back(std::move(account));
    return accounts.back();
  }
  void add_alias(const std::string& from, const std::vector<std::string>& to) {
    for (const auto& target : to) aliases[from].push_back(*mail::Address::parse(target));
  }
  void publish() {
    ++rows.version;
    std::vector<tenants::Account> networked;
    std::copy_if(accounts.begin(), accounts.end(), std::back_inserter(networked),
                 [](const auto& account) { return !account.client_networks.empty(); });
    snapshot_ = std::make_shared<const tenants::Snapshot>(rows, networked);
    for (const auto& observer : observers_) observer(snapshot_);
  }
  tenants::Account* find_account(const std::string& text) {
    const auto found = std::find_if(accounts.begin(), accounts.end(),
                                    [&](const auto& account) { return account.address.text() == text; });
    return found == accounts.end() ? nullptr : &*found;
  }

  tenants::SnapshotPtr snapshot() const override { return snapshot_; }
  using LiveDirectory::refresh;
  Status refresh(const tenants::Touched&) override {
    publish();
    return {};
  }
  void on_change(std::function<void(const tenants::SnapshotPtr&)> observer) override {
    observers_.push_back(std::move(observer));
  }
  Task<Result<tenants::Resolution>> resolve(net::Shard&, mail::Address recipient) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    tenants::Resolution resolution;
    const auto* domain = snapshot_->domain_by_name(recipient.domain);
    if (domain == nullptr) {
      resolution.kind = tenants::Resolution::Kind::kRemote;
      co_return resolution;
    }
    resolution.tenant = domain->tenant;
    if (!expand(recipient, resolution, 0)) {
      resolution.kind = tenants::Resolution::Kind::kLoop;
    } else if (!resolution.accounts.empty() || !resolution.forwards.empty()) {
      resolution.kind = tenants::Resolution::Kind::kTargets;
    }
    const auto* tenant = snapshot_->tenant(resolution.tenant);
    if (tenant != nullptr && tenant->feedback_address == canonical(recipient).text()) {
      resolution.kind = tenants::Resolution::Kind::kTargets;
      resolution.is_feedback = true;
    }
    co_return resolution;
  }
  Task<Result<std::optional<tenants::Account>>> account_by_address(net::Shard&, mail::Address address) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    co_return copy_of(find_account(canonical(address).text()));
  }
  Task<Result<std::optional<tenants::Account>>> account_by_id(net::Shard&, AccountId id) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    const auto found = std::find_if(accounts.begin(), accounts.end(), [&](const auto& a) { return a.id == id; });
    co_return copy_of(found == accounts.end() ? nullptr : &*found);
  }
  Task<Result<std::optional<tenants::Account>>> sign_in(net::Shard&, mail::Address user, Secret password) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    const auto* account = find_account(canonical(user).text());
    co_return copy_of(account != nullptr && account->password_hash == password.reveal() ? account : nullptr);
  }
  Task<Result<bool>> may_send_as(net::Shard&, tenants::Account account, mail::Address sender) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    const auto* domain = snapshot_->domain_by_name(sender.domain);
    if (domain == nullptr || domain->tenant != account.tenant) co_return false;
    if (!account.client_networks.empty()) co_return true;
    tenants::Resolution resolution;
    expand(sender, resolution, 0);
    co_return std::any_of(resolution.accounts.begin(), resolution.accounts.end(),
                          [&](const auto& mine) { return mine.id == account.id; });
  }

 private:
  static std::optional<tenants::Account> copy_of(const tenants::Account* account) {
    return account == nullptr ? std::nullopt : std::optional{*account};
  }
  static mail::Address canonical(mail::Address address) {
    std::transform(address.local.begin(), address.local.end(), address.local.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return address;
  }
  // False for a loop.
  bool expand(const mail::Address& given, tenants::Resolution& resolution, int depth) {
    if (depth > 10) return false;
    mail::Address address = canonical(given);
    const auto* domain = snapshot_->domain_by_name(address.domain);
    if (domain == nullptr) {
      resolution.forwards.push_back(given);
      return true;
    }
    if (const auto alias = aliases.find(address.text()); alias != aliases.end()) {
      return std::all_of(alias->second.begin(), alias->second.end(),
                         [&](const auto& target) { return expand(target, resolution, depth + 1); });
    }
    const auto plus = address.local.find('+');
    if (plus != std::string::npos && plus > 0) {
      address.local.resize(plus);
      return expand(address, resolution, depth + 1);
    }
    if (const auto* account = find_account(address.text())) {
      resolution.accounts.push_back(*account);
    } else if (const auto catch_all = mail::Address::parse(domain->catch_all); catch_all && depth < 10) {
      return address.text() == catch_all->text() || expand(*catch_all, resolution, depth + 1);
    }
    return true;
  }

  ManualClock clock_;
  SeededRandom random_{7};
  tenants::SnapshotPtr snapshot_;
  std::vector<std::function<void(const tenants::SnapshotPtr&)>> observers_;
};

}  // namespace bulkhead::testlib

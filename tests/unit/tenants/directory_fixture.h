// A SQLite directory in a temporary folder, with shorthand for what the tests put into it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "tenants/directory.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::tenants {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bulkhead-tenants-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline mail::Address at(std::string_view text) {
  return mail::Address::parse(text).value();
}

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() { reopen(); }

  void reopen() {
    directory_.reset();
    auto opened = open_sqlite_directory(folder_.file("directory.db"), clock_, random_);
    ASSERT_TRUE(opened) << opened.error().message;
    directory_ = std::move(*opened);
  }

  Tenant add_tenant(const std::string& name, std::optional<TenantId> reseller = {}) {
    Tenant tenant;
    tenant.name = name;
    tenant.reseller = reseller;
    return directory_->create_tenant(tenant).value();
  }
  Domain add_domain(const Tenant& tenant, const std::string& name) {
    Domain domain;
    domain.tenant = tenant.id;
    domain.name = name;
    return directory_->create_domain(domain).value();
  }
  static Account account_of(const Tenant& tenant, std::string_view address) {
    Account account;
    account.tenant = tenant.id;
    account.address = at(address);
    return account;
  }
  Account add_account(const Tenant& tenant, std::string_view address) {
    return directory_->create_account(account_of(tenant, address)).value();
  }
  static Alias alias_of(const Tenant& tenant, std::string_view from, std::vector<std::string> to) {
    Alias alias;
    alias.tenant = tenant.id;
    alias.from = at(from);
    for (const auto& target : to) alias.to.push_back(at(target));
    return alias;
  }
  Alias add_alias(const Tenant& tenant, std::string_view from, std::vector<std::string> to) {
    return directory_->create_alias(alias_of(tenant, from, std::move(to))).value();
  }
  SourceAddress add_address(const std::string& ip, std::optional<TenantId> tenant, bool is_default = false) {
    SourceAddress address;
    address.ip = IpAddress::parse(ip).value();
    address.tenant = tenant;
    address.is_default = is_default;
    return directory_->create_address(address).value();
  }

  TemporaryFolder folder_;
  testlib::ManualClock clock_;
  SystemRandom random_;
  std::unique_ptr<Directory> directory_;
};

// The error of a call that must fail with `code` and a sentence that holds `part`.
template <class T>
::testing::AssertionResult fails_with(const Result<T>& result, ErrorCode code, std::string_view part) {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().code != code) {
    return ::testing::AssertionFailure() << to_string(result.error().code) << ": " << result.error().message;
  }
  if (result.error().message.find(part) == std::string::npos) {
    return ::testing::AssertionFailure() << "\"" << result.error().message << "\" does not say \"" << part << "\"";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace bulkhead::tenants

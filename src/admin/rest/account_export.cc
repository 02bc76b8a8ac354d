#include <fmt/format.h>

#include "src/admin/csv.h"
#include "src/admin/rest/streams.h"
#include "src/admin/use_cases/account_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kPageSize = 500;

constexpr std::string_view kHeader = "address,name,kind,state,quota,client_networks,former_addresses";
constexpr std::string_view kSecretHeader = ",plan,password_hash";

enum class Secrets { kLeftOut, kIncluded };

// An account with all that moves to another server with it.
struct ExportedAccount {
  tenants::Account account;
  std::vector<mail::Address> former_addresses;
};

template <class T>
std::string joined(const std::vector<T>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ";") + value.text();
  return text;
}

std::string row_of(const ExportedAccount& exported, Secrets secrets) {
  const auto& account = exported.account;
  auto row = fmt::format("{},{},{},{},{},{},{}", csv_field(account.address.text()), csv_field(account.full_name),
                         to_string(account.kind), to_string(account.suspension), account.quota_bytes,
                         csv_field(joined(account.client_networks)), csv_field(joined(exported.former_addresses)));
  if (secrets == Secrets::kIncluded) {
    row += fmt::format(",{},{}", account.plan ? to_string(*account.plan) : "", csv_field(account.password_hash));
  }
  return row + "\n";
}

Result<std::vector<ExportedAccount>> page_after(const AdminServices& services, const TenantScope& scope,
                                                const std::string& after) {
  auto accounts = accounts_of(services, scope, after, kPageSize);
  if (!accounts) return fail(accounts.error());
  std::vector<ExportedAccount> page;
  for (auto& account : *accounts) {
    auto former = services.directory.former_addresses(account.id);
    if (!former) return fail(former.error());
    page.push_back({std::move(account), std::move(*former)});
  }
  return page;
}

class AccountExport final : public BodySource {
 public:
  AccountExport(const AdminServices& services, HttpContext& context, const Call& call, TenantScope scope)
      : services_(services),
        context_(context),
        caller_(call.caller),
        scope_(std::move(scope)),
        secrets_(wants_passwords(call) ? Secrets::kIncluded : Secrets::kLeftOut) {}

  static bool wants_passwords(const Call& call) { return call.in_query("with_passwords") == "true"; }

  Task<Result<std::string>> next() override {
    if (!std::exchange(has_header_, true)) {
      co_return fmt::format("{}{}\n", kHeader, secrets_ == Secrets::kIncluded ? kSecretHeader : "");
    }
    if (is_done_) co_return std::string{};
    auto read = [this] { return page_after(services_, scope_, after_); };
    const auto page = co_await services_.pool_of(caller_).run(context_.shard, std::move(read));
    if (!page) co_return fail(page.error());
    if (!*page) co_return fail((*page).error());
    const auto& accounts = **page;
    std::string rows;
    for (const auto& exported : accounts) rows += row_of(exported, secrets_);
    is_done_ = accounts.size() < kPageSize;
    if (!accounts.empty()) after_ = accounts.back().account.address.text();
    co_return rows;
  }

 private:
  const AdminServices& services_;
  HttpContext& context_;
  const Caller caller_;
  const TenantScope scope_;
  const Secrets secrets_;
  std::string after_;
  bool has_header_ = false;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<BodySource>> export_accounts(const AdminServices& services, HttpContext& context,
                                                    const Call& call) {
  auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  if (AccountExport::wants_passwords(call)) {
    if (auto allowed = require_operator(call.caller, "export password hashes"); !allowed) return fail(allowed.error());
    const auto tenant = call.in_query("tenant");
    const auto one = scope->tenants && scope->tenants->size() == 1 ? scope->tenants->front() : TenantId{};
    Change change{tenant.empty() ? "accounts" : "accounts of tenant " + escape_controls(tenant, 120)};
    record_change(services, call, one, change.verb("exported with password hashes"));
  }
  return std::make_unique<AccountExport>(services, context, call, std::move(*scope));
}

}  // namespace bulkhead::admin

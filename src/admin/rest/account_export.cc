#include <fmt/format.h>

#include "src/admin/csv.h"
#include "src/admin/rest/streams.h"
#include "src/admin/use_cases/account_fields.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kPageSize = 500;

std::string row_of(const tenants::Account& account) {
  std::string networks;
  for (const auto& network : account.client_networks) networks += (networks.empty() ? "" : ";") + network.text();
  return fmt::format("{},{},{},{},{},{}\n", csv_field(account.address.text()), csv_field(account.full_name),
                     to_string(account.kind), to_string(account.suspension), account.quota_bytes, csv_field(networks));
}

class AccountExport final : public BodySource {
 public:
  AccountExport(const AdminServices& services, HttpContext& context, Caller caller, TenantScope scope)
      : services_(services), context_(context), caller_(std::move(caller)), scope_(std::move(scope)) {}

  Task<Result<std::string>> next() override {
    if (!std::exchange(has_header_, true)) co_return std::string{"address,name,kind,state,quota,client_networks\n"};
    if (is_done_) co_return std::string{};
    auto read = [this] { return accounts_of(services_, scope_, after_, kPageSize); };
    const auto page = co_await services_.pool_of(caller_).run(context_.shard, std::move(read));
    if (!page) co_return fail(page.error());
    if (!*page) co_return fail((*page).error());
    const auto& accounts = **page;
    std::string rows;
    for (const auto& account : accounts) rows += row_of(account);
    is_done_ = accounts.size() < kPageSize;
    if (!accounts.empty()) after_ = accounts.back().address.text();
    co_return rows;
  }

 private:
  const AdminServices& services_;
  HttpContext& context_;
  const Caller caller_;
  const TenantScope scope_;
  std::string after_;
  bool has_header_ = false;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<BodySource>> export_accounts(const AdminServices& services, HttpContext& context,
                                                    const Call& call) {
  auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  return std::make_unique<AccountExport>(services, context, call.caller, std::move(*scope));
}

}  // namespace bulkhead::admin

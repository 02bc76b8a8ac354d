#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/account_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"
#include "src/mailbox/removal.h"

namespace bulkhead::admin {
namespace {

Change change_of(const tenants::Account& account) {
  Change change{"account " + account.address.text()};
  return change.of_account(account);
}

std::string networks_text(const tenants::Account& account) {
  std::vector<std::string> texts;
  for (const auto& network : account.client_networks) texts.push_back(network.text());
  return fmt::format("{}", fmt::join(texts, ","));
}

Change difference(const tenants::Account& before, const tenants::Account& after) {
  auto change = change_of(before);
  change.field("address", before.address.text(), after.address.text())
      .field("name", before.full_name, after.full_name)
      .field("kind", to_string(before.kind), to_string(after.kind))
      .field("state", to_string(before.suspension), to_string(after.suspension))
      .field("quota", before.quota_bytes, after.quota_bytes)
      .field("plan", before.plan ? to_string(*before.plan) : "", after.plan ? to_string(*after.plan) : "")
      .field("client_networks", networks_text(before), networks_text(after));
  return change;
}

}  // namespace

// Former addresses that cannot be read are no reason to refuse a change: then everything is forgotten.
Touched touched_by(const AdminServices& services, const tenants::Account& account) {
  auto former = services.directory.former_addresses(account.id);
  if (!former) return Touched::everything();
  Touched touched{.addresses = std::move(*former), .accounts = {account.id}, .tenants = {account.tenant}};
  touched.addresses.push_back(account.address);
  return touched;
}

Result<Json> remove_former_address(const AdminServices& services, const Call& call, const tenants::Account& account,
                                   const mail::Address& address) {
  auto touched = touched_by(services, account);
  if (auto done = services.directory.remove_former_address(account.id, address); !done) return fail(done.error());
  auto change = change_of(account).touches(std::move(touched));
  change.verb("former address " + escape_controls(address.text(), 320) + " removed");
  apply_change(services, call, account.tenant, change);
  return Json(nullptr);
}

Result<std::vector<tenants::Account>> accounts_of(const AdminServices& services, const TenantScope& scope,
                                                  const std::string& after, std::size_t limit) {
  const auto fetch = [&](const std::optional<TenantId>& tenant) {
    return services.directory.accounts(tenant, after, limit);
  };
  const auto key = [](const tenants::Account& account) {
    return std::pair<std::string_view, std::string_view>{account.address.domain, account.address.local};
  };
  return rows_of<tenants::Account>(scope, limit, fetch, key);
}

Result<Json> list_accounts(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto accounts = accounts_of(services, *scope, page->after, page->limit + 1);
  if (!accounts) return fail(accounts.error());
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& account : *accounts | std::views::take(page->limit)) {
    items.push_back(account_json(*snapshot, account));
  }
  const bool has_more = accounts->size() > page->limit;
  return page_json(std::move(items), has_more ? (*accounts)[page->limit - 1].address.text() : std::string{});
}

Result<Json> add_account(const AdminServices& services, const Call& call) {
  const auto made = create_account(services, call);
  if (!made) return fail(made.error());
  auto change = change_of(*made).verb("added").touches(touched_by(services, *made));
  apply_change(services, call, made->tenant, change);
  return account_json(*services.live.snapshot(), *made);
}

Result<Json> show_account(const AdminServices& services, const Call& call) {
  const auto account = find_account(services, call.caller, call.in_path("account"));
  if (!account) return fail(account.error());
  const auto usage = services.mailboxes.usage(account->id);
  if (!usage) return fail(usage.error());
  const auto former = services.directory.former_addresses(account->id);
  if (!former) return fail(former.error());
  Json json = account_json(*services.live.snapshot(), *account);
  Json addresses = Json::array();
  for (const auto& address : *former) addresses.push_back(address.text());
  json["former_addresses"] = std::move(addresses);
  json["mailbox"] = usage_json(*usage);
  return json;
}

Result<Json> set_account(const AdminServices& services, const Call& call) {
  const auto lock = services.directory.lock_for_change();
  const auto before = find_account(services, call.caller, call.in_path("account"));
  if (!before) return fail(before.error());
  tenants::Account account = *before;
  if (auto done = set_account_fields(services, call, account); !done) return fail(done.error());
  const auto after = services.directory.update_account(account);
  if (!after) return fail(after.error());
  auto change = difference(*before, *after);
  change.touches(touched_by(services, *after));
  if (!change.empty()) apply_change(services, call, after->tenant, change);
  // Mail may wait for the room, or for the end of the suspension, or may never fit now.
  const bool takes_other_mail = before->quota_bytes != after->quota_bytes || before->suspension != after->suspension;
  if (takes_other_mail) services.queue.mailbox_changed(after->tenant, after->id);
  if (before->plan != after->plan) services.queue.limits_changed();
  return account_json(*services.live.snapshot(), *after);
}

Result<Json> set_account_password(const AdminServices& services, const Call& call) {
  if (auto found = find_account(services, call.caller, call.in_path("account")); !found) return fail(found.error());
  tenants::Account hashed;  // beforehand: hashing takes long
  if (!call.is_null("password")) {
    if (auto done = set_password_hash(services, call.text("password"), hashed); !done) return fail(done.error());
  }
  const auto lock = services.directory.lock_for_change();
  auto account = find_account(services, call.caller, call.in_path("account"));
  if (!account) return fail(account.error());
  account->password_hash = std::move(hashed.password_hash);
  const auto after = services.directory.update_account(*account);
  if (!after) return fail(after.error());
  auto change = change_of(*after);
  change.as(trace::EventKind::kPasswordChanged).verb(call.is_null("password") ? "password removed" : "password set");
  apply_change(services, call, after->tenant, change.touches(touched_by(services, *after)));
  return Json(nullptr);
}

Result<Json> remove_account(const AdminServices& services, const Call& call) {
  const auto lock = services.directory.lock_for_change();
  const auto account = find_account(services, call.caller, call.in_path("account"));
  if (!account) return fail(account.error());
  const auto address = mail::Address::parse(call.in_path("account"));
  if (address && as_kept(services, *address) != account->address) {
    return remove_former_address(services, call, *account, *address);
  }
  // Before the directory forgets the account: a crash in between must not leave a mailbox that nobody knows of.
  if (auto noted = mailbox::note_removal(services.store, account->id, services.clock.now()); !noted) {
    return fail(noted.error());
  }
  auto change = change_of(*account).verb("removed").touches(touched_by(services, *account));
  if (auto done = services.directory.remove_account(account->id); !done) return fail(done.error());
  apply_change(services, call, account->tenant, change);
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include <fmt/format.h>

#include "src/admin/use_cases/account_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kTargetsMax = 1000;

Change change_of(const tenants::Alias& alias) {
  return Change{"alias " + alias.from.text()}.touches({.addresses = {alias.from}});
}

Result<std::vector<mail::Address>> targets_of(const Call& call) {
  const auto texts = call.texts("to");
  if (texts.empty() || texts.size() > kTargetsMax) {
    return fail(ErrorCode::kInvalid, fmt::format("an alias leads to 1 to {} addresses", kTargetsMax));
  }
  std::vector<mail::Address> targets;
  for (const auto& text : texts) {
    auto address = mail::Address::parse(text);
    if (!address) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("the target \"{}\": {}", escape_controls(text, 80), address.error().message),
                  "write each as user@domain, separated by commas");
    }
    targets.push_back(std::move(*address));
  }
  return targets;
}

constexpr int kDepthMax = 10;
constexpr std::size_t kFollowedMax = 1000;

Error loop_error(const tenants::Alias& alias, const mail::Address& through) {
  const auto text = alias.from.text();
  if (through == alias.from) return Error{ErrorCode::kConflict, fmt::format("{} would lead to itself", text), ""};
  return Error{ErrorCode::kConflict, fmt::format("{} would lead back to itself through {}", text, through.text()),
               "see: bulkhead alias show " + through.text()};
}

// Follows the targets through other aliases, a bounded way: nothing that is reached may be the new alias itself.
Status check_loop(const AdminServices& services, const tenants::Alias& alias) {
  struct Step {
    mail::Address address, through;  // the target of the new alias that it was reached by
  };
  std::vector<Step> reached;
  for (const auto& target : alias.to) {
    const auto kept = as_kept(services, target);
    reached.push_back({kept, kept});
  }
  std::size_t followed = 0;
  for (int depth = 0; depth < kDepthMax && !reached.empty(); ++depth) {
    std::vector<Step> next;
    for (const auto& step : reached) {
      if (step.address == alias.from) return fail(loop_error(alias, step.through));
      if (++followed > kFollowedMax) return {};
      const auto found = services.directory.alias_by_address(step.address);
      if (!found) return fail(found.error());
      if (!*found) continue;
      for (const auto& target : (*found)->to) next.push_back({as_kept(services, target), step.through});
    }
    reached = std::move(next);
  }
  return {};
}

Json view(const AdminServices& services, const Caller& caller, const tenants::Alias& alias) {
  Json json = alias_json(*services.live.snapshot(), alias);
  add_warnings(json, dangling_warnings(services, caller, alias.to));
  return json;
}

// An account's former address goes on working like an alias, and is removed like one.
Result<Json> remove_former(const AdminServices& services, const Call& call, const Error& no_alias) {
  const auto address = mail::Address::parse(call.in_path("alias"));
  if (!address) return fail(no_alias);
  const auto account = services.directory.account_by_address(*address);
  if (!account) return fail(account.error());
  if (!*account || !call.caller.sees((*account)->tenant)) return fail(no_alias);
  if (as_kept(services, *address) == (*account)->address) return fail(no_alias);
  return remove_former_address(services, call, **account, *address);
}

}  // namespace

Result<Json> list_aliases(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto fetch = [&](const std::optional<TenantId>& tenant) {
    return services.directory.aliases(tenant, page->after, page->limit + 1);
  };
  const auto key = [](const tenants::Alias& alias) {
    return std::pair<std::string_view, std::string_view>{alias.from.domain, alias.from.local};
  };
  const auto aliases = rows_of<tenants::Alias>(*scope, page->limit + 1, fetch, key);
  if (!aliases) return fail(aliases.error());
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& alias : *aliases | std::views::take(page->limit)) items.push_back(alias_json(*snapshot, alias));
  const bool has_more = aliases->size() > page->limit;
  return page_json(std::move(items), has_more ? (*aliases)[page->limit - 1].from.text() : std::string{});
}

Result<Json> add_alias(const AdminServices& services, const Call& call) {
  auto from = parse_local_address(call.text("from"));
  if (!from) return fail(from.error());
  const auto domain = domain_of(services, call.caller, *from);
  if (!domain) return fail(domain.error());
  auto targets = targets_of(call);
  if (!targets) return fail(targets.error());
  tenants::Alias alias;
  alias.tenant = domain->tenant;
  alias.from = std::move(*from);
  alias.from.domain = domain->name;
  alias.to = std::move(*targets);
  if (auto done = check_loop(services, alias); !done) return fail(done.error());
  const auto made = services.directory.create_alias(std::move(alias));
  if (!made) return fail(made.error());
  auto change = change_of(*made);
  change.verb(fmt::format("added, to {} addresses, first {}", made->to.size(), made->to.front().text()));
  apply_change(services, call, made->tenant, change);
  return view(services, call.caller, *made);
}

Result<Json> show_alias(const AdminServices& services, const Call& call) {
  const auto alias = find_alias(services, call.caller, call.in_path("alias"));
  if (!alias) return fail(alias.error());
  return view(services, call.caller, *alias);
}

Result<Json> remove_alias(const AdminServices& services, const Call& call) {
  const auto alias = find_alias(services, call.caller, call.in_path("alias"));
  if (!alias && alias.error().code == ErrorCode::kNotFound) return remove_former(services, call, alias.error());
  if (!alias) return fail(alias.error());
  if (auto done = services.directory.remove_alias(alias->id); !done) return fail(done.error());
  apply_change(services, call, alias->tenant, change_of(*alias).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kTargetsMax = 1000;

Change change_of(const tenants::Alias& alias) {
  return Change{"alias " + alias.from.text()};
}

Result<std::vector<mail::Address>> targets_of(const Call& call) {
  const auto texts = call.texts("to");
  if (texts.empty() || texts.size() > kTargetsMax) {
    return fail(ErrorCode::kInvalid, fmt::format("an alias leads to 1 to {} addresses", kTargetsMax));
  }
  std::vector<mail::Address> targets;
  for (const auto& text : texts) {
    auto address = mail::Address::parse(text);
    if (!address) return fail(address.error());
    targets.push_back(std::move(*address));
  }
  return targets;
}

}  // namespace

Result<Json> list_aliases(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto tenant = tenant_filter(services, call);
  if (!tenant) return fail(tenant.error());
  const auto aliases = services.directory.aliases(*tenant, page->after, page->limit + 1);
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
  const auto made = services.directory.create_alias(std::move(alias));
  if (!made) return fail(made.error());
  auto change = change_of(*made);
  change.verb(fmt::format("added, to {} addresses, first {}", made->to.size(), made->to.front().text()));
  apply_change(services, call, made->tenant, change);
  return alias_json(*services.live.snapshot(), *made);
}

Result<Json> show_alias(const AdminServices& services, const Call& call) {
  const auto alias = find_alias(services, call.caller, call.in_path("alias"));
  if (!alias) return fail(alias.error());
  return alias_json(*services.live.snapshot(), *alias);
}

Result<Json> remove_alias(const AdminServices& services, const Call& call) {
  const auto alias = find_alias(services, call.caller, call.in_path("alias"));
  if (!alias) return fail(alias.error());
  if (auto done = services.directory.remove_alias(alias->id); !done) return fail(done.error());
  apply_change(services, call, alias->tenant, change_of(*alias).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include "src/admin/use_cases/directive_views.h"

#include <fmt/format.h>

#include "monitoring/cases/case_order.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/reputation_key.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::string_view kOperator = "operator ";
constexpr std::string_view kTenant = "tenant ";
constexpr std::string_view kGivenBy = "), given by ";
constexpr std::size_t kIdSize = 26;

// The tenant whose token gave it; nothing for an operator, and for a case.
std::optional<TenantId> tenant_of(std::string_view giver) {
  if (!giver.starts_with(kTenant)) return std::nullopt;
  return TenantId::parse(giver.substr(kTenant.size(), kIdSize));
}

bool is_own_reseller(const tenants::Snapshot& snapshot, const Caller& caller, const TenantId& id) {
  const auto* own = caller.tenant ? snapshot.tenant(*caller.tenant) : nullptr;
  return own != nullptr && own->reseller == id;
}

// Puts the tenant's name for the id that begins at `start`, if one does and the caller sees it.
void name_at(const tenants::Snapshot& snapshot, const Caller& caller, std::string& text, std::size_t start) {
  const auto id = TenantId::parse(std::string_view{text}.substr(start, kIdSize));
  if (id && caller.sees(*id)) text.replace(start, kIdSize, tenant_name(snapshot, *id));
}

// Where the giver begins in "hold of … (01J…), given by …", npos without one. What is selected may contain the same
// words and comes before them.
std::size_t giver_in(std::string_view text) {
  for (auto at = text.rfind(kGivenBy); at != std::string_view::npos && at > kIdSize;
       at = text.rfind(kGivenBy, at - 1)) {
    if (queue::DirectiveId::parse(text.substr(at - kIdSize, kIdSize))) return at + kGivenBy.size();
  }
  return std::string_view::npos;
}

// The selector as text, by names; an id within what was selected by is not read as one.
std::string named_selector(const tenants::Snapshot& snapshot, queue::Selector selector) {
  if (!selector.tenant) return selected_by(selector);
  const auto tenant = fmt::format("tenant={}", tenant_name(snapshot, *selector.tenant));
  selector.tenant.reset();
  return queue::is_everything(selector) ? tenant : fmt::format("{} {}", tenant, selected_by(selector));
}

// What a caller may know of the account that an order means: whoever names an account need not own it.
struct AccountShown {
  std::string name;             // "" when it is not known
  std::optional<AccountId> id;  // nothing when it is not the caller's to know
};

Task<AccountShown> account_shown(const AdminServices& services, net::Shard& shard, Caller caller,
                                 queue::Selector selector) {
  AccountShown shown{selector.account, selector.account_id};
  if (!selector.account_id || (caller.is_operator() && !shown.name.empty())) co_return shown;
  auto naming = name_key(services, shard, reputation::Key::account(*selector.account_id));
  const auto named = co_await std::move(naming);
  const bool is_known = caller.is_operator() || named.tenant.is_nil() || caller.sees(named.tenant);
  if (!is_known) shown.id.reset();
  if (is_known && shown.name.empty()) shown.name = named.name;
  co_return shown;
}

Json progress_json(const queue::DirectiveProgress& progress) {
  return Json{{"held", progress.held},
              {"left", progress.left()},
              {"done", progress.done},
              {"active", progress.active},
              {"messages_done", progress.messages_done},
              {"looked_at", progress.swept},
              {"to_look_at", progress.sweep_total},
              {"complete", !progress.is_sweeping && progress.active == 0}};
}

template <class Tag>
Json id_or_null(const std::optional<Id<Tag>>& id) {
  return id ? Json(id->text()) : Json(nullptr);
}

}  // namespace

std::string giver_of(const Caller& caller) {
  if (caller.is_operator()) return fmt::format("{}{}", kOperator, caller.name);
  return fmt::format("{}{} {}", kTenant, caller.tenant->text(), caller.name);
}

bool may_end(const Caller& caller, std::string_view giver) {
  if (caller.is_operator()) return true;
  const auto id = tenant_of(giver);
  return id && caller.sees(*id);
}

std::string giver_above(const tenants::Snapshot& snapshot, const Caller& caller, std::string_view giver) {
  if (giver.starts_with(cases::kOrderedBy)) return fmt::format("case {}", giver.substr(cases::kOrderedBy.size()));
  const auto id = tenant_of(giver);
  const bool has_own = caller.tenant && snapshot.tenant(*caller.tenant) != nullptr;
  if (!id || !has_own) return "the server's operator";
  // Its own reseller has a name for it; who stands above that one has not.
  return is_own_reseller(snapshot, caller, *id) ? "the reseller " + tenant_name(snapshot, *id) : "a reseller above";
}

std::string giver_for(const tenants::Snapshot& snapshot, const Caller& caller, std::string_view giver) {
  if (!may_end(caller, giver)) return giver_above(snapshot, caller, giver);
  std::string text{giver};
  if (tenant_of(giver)) name_at(snapshot, caller, text, kTenant.size());
  return text;
}

std::string named_order(const tenants::Snapshot& snapshot, const Caller& caller, std::string text) {
  if (const auto giver = giver_in(text); giver != std::string::npos) {
    text.replace(giver, std::string::npos, giver_for(snapshot, caller, std::string_view{text}.substr(giver)));
  }
  // The tenant is what a selector's text begins with.
  constexpr std::string_view kOfTenant = " of tenant=";
  const auto action_end = text.find(' ');
  if (action_end != std::string::npos && std::string_view{text}.substr(action_end).starts_with(kOfTenant)) {
    name_at(snapshot, caller, text, action_end + kOfTenant.size());
  }
  return text;
}

std::string named_remedy(const tenants::Snapshot& snapshot, const Caller& caller, std::string text) {
  constexpr std::string_view kOfTenant = "bulkhead queue release --tenant ";
  if (text.starts_with(kOfTenant)) name_at(snapshot, caller, text, kOfTenant.size());
  return text;
}

std::string selected_by(const queue::Selector& selector) {
  return escape_controls(queue::text_of(selector), 320);
}

Task<Json> directive_json(const AdminServices& services, net::Shard& shard, Caller caller, queue::DirectiveView view) {
  const auto snapshot = services.live.snapshot();
  const auto& directive = view.directive;
  const auto& tenant = directive.selector.tenant;
  auto showing = account_shown(services, shard, caller, directive.selector);
  const auto account = co_await std::move(showing);
  auto shown = directive.selector;
  shown.account = account.name;
  if (!account.id) shown.account_id.reset();
  auto giver = tenant_of(directive.by);
  if (giver && !caller.sees(*giver) && !is_own_reseller(*snapshot, caller, *giver)) giver.reset();
  co_return Json{
      {"id", directive.id.text()},
      {"action", queue::to_string(directive.action)},
      {"tenant", tenant ? Json(tenant_name(*snapshot, *tenant)) : Json(nullptr)},
      {"selector", named_selector(*snapshot, shown)},
      {"ids",
       Json{{"tenant", id_or_null(tenant)}, {"account", id_or_null(account.id)}, {"given_by", id_or_null(giver)}}},
      {"and_future", directive.and_future},
      {"given_at", to_rfc3339(directive.given_at)},
      {"by", giver_for(*snapshot, caller, directive.by)},
      {"deliveries", directive.deliveries},
      {"messages", directive.messages},
      {"progress", progress_json(view.progress)}};
}

}  // namespace bulkhead::admin

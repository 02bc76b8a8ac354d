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
constexpr std::size_t kIdSize = 26;

// The tenant whose token gave it; nothing for an operator, and for a case.
std::optional<TenantId> tenant_of(std::string_view giver) {
  if (!giver.starts_with(kTenant)) return std::nullopt;
  return TenantId::parse(giver.substr(kTenant.size(), kIdSize));
}

Json progress_json(const queue::DirectiveProgress& progress) {
  return Json{{"held", progress.held},
              {"left", progress.marked},
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
  const auto* own = caller.tenant ? snapshot.tenant(*caller.tenant) : nullptr;
  if (!id || own == nullptr) return "the server's operator";
  // Its own reseller has a name for it; who stands above that one has not.
  return own->reseller == id ? "the reseller " + tenant_name(snapshot, *id) : "a reseller above";
}

std::string with_names(const tenants::Snapshot& snapshot, std::string text) {
  for (const std::string_view before : {"tenant=", "--tenant ", "by tenant "}) {
    for (auto at = text.find(before); at != std::string::npos; at = text.find(before, at + 1)) {
      const auto start = at + before.size();
      const auto id = TenantId::parse(std::string_view{text}.substr(start, kIdSize));
      if (id) text.replace(start, kIdSize, tenant_name(snapshot, *id));
    }
  }
  return text;
}

std::string selected_by(const queue::Selector& selector) {
  return escape_controls(queue::text_of(selector), 320);
}

Task<Json> directive_json(const AdminServices& services, net::Shard& shard, queue::DirectiveView view) {
  const auto snapshot = services.live.snapshot();
  const auto& directive = view.directive;
  const auto& tenant = directive.selector.tenant;
  auto shown = directive.selector;
  if (shown.account_id && shown.account.empty()) {
    auto naming = name_key(services, shard, reputation::Key::account(*shown.account_id));
    const auto named = co_await std::move(naming);
    shown.account = named.name;
  }
  std::string by = directive.by;
  const auto giver = tenant_of(by);
  if (giver) by = fmt::format("{}{}{}", kTenant, tenant_name(*snapshot, *giver), by.substr(kTenant.size() + kIdSize));
  co_return Json{{"id", directive.id.text()},
                 {"action", queue::to_string(directive.action)},
                 {"tenant", tenant ? Json(tenant_name(*snapshot, *tenant)) : Json(nullptr)},
                 {"selector", with_names(*snapshot, selected_by(shown))},
                 {"ids", Json{{"tenant", id_or_null(tenant)},
                              {"account", id_or_null(directive.selector.account_id)},
                              {"given_by", id_or_null(giver)}}},
                 {"and_future", directive.and_future},
                 {"given_at", to_rfc3339(directive.given_at)},
                 {"by", std::move(by)},
                 {"deliveries", directive.deliveries},
                 {"messages", directive.messages},
                 {"progress", progress_json(view.progress)}};
}

}  // namespace bulkhead::admin

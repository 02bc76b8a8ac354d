#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

Change change_of(const tenants::Route& route) {
  return Change{"route " + route.pattern}.touches(Touched::nothing());
}

Status set_fields(const AdminServices& services, const Call& call, tenants::Route& route) {
  route.pattern = call.text("pattern");
  route.host = call.text("host");
  if (const auto port = call.number("port")) {
    if (*port < 1 || *port > 65535) return fail(ErrorCode::kInvalid, "port must be 1 to 65535");
    route.port = static_cast<std::uint16_t>(*port);
  }
  if (call.has("tls")) {
    const auto tls = parse_route_tls(call.text("tls"));
    if (!tls) return fail(tls.error());
    route.tls = *tls;
  }
  if (call.text("tenant").empty()) return {};
  const auto tenant = find_tenant(services, call.caller, call.text("tenant"));
  if (!tenant) return fail(tenant.error());
  route.tenant = tenant->id;
  return {};
}

// By id, or by pattern among the routes of ?tenant=; without it among the caller's own tenant's, or the general ones.
Result<tenants::Route> find_route(const AdminServices& services, const Call& call) {
  const auto& name = call.in_path("route");
  std::optional<TenantId> owner = call.caller.tenant;
  if (const auto named = call.in_query("tenant"); !named.empty()) {
    const auto tenant = find_tenant(services, call.caller, named);
    if (!tenant) return fail(tenant.error());
    owner = tenant->id;
  }
  const auto id = RouteId::parse(name);
  const auto snapshot = services.live.snapshot();
  for (const auto& route : snapshot->routes()) {
    if (!call.caller.sees(route.tenant)) continue;
    if (id ? route.id == *id : route.pattern == name && route.tenant == owner) return route;
  }
  return fail(ErrorCode::kNotFound, fmt::format("no route \"{}\"", escape_controls(name, 320)),
              "list what there is with: bulkhead route list; a tenant's own route is named with --tenant");
}

}  // namespace

Result<Json> list_routes(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::Route*> seen;
  for (const auto& route : snapshot->routes()) {
    if (scope->includes(route.tenant) && route.id.text() > page->after) seen.push_back(&route);
  }
  const auto key = [](const tenants::Route& route) { return route.id.text(); };
  return page_of_sorted(seen, page->limit, key,
                        [&](const tenants::Route& route) { return route_json(*snapshot, route); });
}

// Only the operator: a route makes this server connect to wherever it says.
Result<Json> add_route(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "add routes"); !allowed) return fail(allowed.error());
  tenants::Route route;
  if (auto done = set_fields(services, call, route); !done) return fail(done.error());
  const auto made = services.directory.create_route(std::move(route));
  if (!made) return fail(made.error());
  auto change = change_of(*made);
  change.verb(fmt::format("added, to {} port {}", made->host, made->port));
  apply_change(services, call, made->tenant.value_or(TenantId{}), change);
  return route_json(*services.live.snapshot(), *made);
}

Result<Json> remove_route(const AdminServices& services, const Call& call) {
  const auto route = find_route(services, call);
  if (!route) return fail(route.error());
  if (auto allowed = require_operator(call.caller, "remove routes"); !allowed) return fail(allowed.error());
  if (auto done = services.directory.remove_route(route->id); !done) return fail(done.error());
  apply_change(services, call, route->tenant.value_or(TenantId{}), change_of(*route).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

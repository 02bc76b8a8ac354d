#include "src/admin/use_cases/certificate_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/listings.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

Change change_of(const std::string& name) {
  return Change{"domain " + name};
}

Status set_fields(const Call& call, tenants::Domain& domain) {
  if (call.has("name")) {
    auto name = mail::canonical_domain(call.text("name"));
    if (!name) return fail(name.error());
    if (name->front() == '[') return fail(ErrorCode::kInvalid, "an address literal cannot be a hosted domain");
    domain.name = std::move(*name);
  }
  if (call.has("catch_all")) {
    if (const auto text = call.text("catch_all"); !text.empty() && !mail::Address::parse(text)) {
      return fail(ErrorCode::kInvalid, "catch_all is not a mail address");
    }
    domain.catch_all = call.text("catch_all");
  }
  return set_certificate(call, domain.certificate_pem, domain.key_pem);
}

// Who has a domain receives its mail from every tenant of this server, so the operator gives it out; but what lies
// below a domain is its owner's. A reseller that sees `name`'s parent may give it to a tenant that it owns.
Status require_domain(const AdminServices& services, const Caller& caller, const tenants::Domain& domain,
                      std::string_view what) {
  if (!caller.is_above(domain.tenant)) return require_operator(caller, what);
  if (caller.is_operator()) return {};
  const auto snapshot = services.live.snapshot();
  std::string_view parent = domain.name;
  for (auto dot = parent.find('.'); dot != std::string_view::npos; dot = parent.find('.')) {
    parent.remove_prefix(dot + 1);
    if (const auto* found = snapshot->domain_by_name(parent)) {
      return caller.sees(found->tenant) ? Status{} : require_operator(caller, what);
    }
  }
  return require_operator(caller, what);
}

Json view(const AdminServices& services, const Caller& caller, const tenants::Domain& domain) {
  Json json = domain_json(*services.live.snapshot(), domain);
  add_warnings(json, dangling_warnings(services, caller, domain.catch_all));
  return json;
}

// A former name is removed by itself: the domain goes on under its present one.
Result<Json> remove_former_name(const AdminServices& services, const Call& call, const tenants::Domain& domain,
                                const std::string& name) {
  if (auto done = services.directory.remove_former_name(domain.id, name); !done) return fail(done.error());
  apply_change(services, call, domain.tenant, change_of(domain.name).verb("former name " + name + " removed"));
  return Json(nullptr);
}

}  // namespace

Result<Json> list_domains(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::Domain*> seen;
  for (const auto& domain : snapshot->domains()) {
    if (scope->includes(domain.tenant) && domain.name > page->after) seen.push_back(&domain);
  }
  return page_of_sorted(seen, page->limit, &tenants::Domain::name,
                        [&](const tenants::Domain& domain) { return domain_json(*snapshot, domain); });
}

Result<Json> add_domain(const AdminServices& services, const Call& call) {
  if (!call.caller.is_reseller()) {
    if (auto allowed = require_operator(call.caller, "add domains"); !allowed) return fail(allowed.error());
  }
  const auto tenant = find_tenant(services, call.caller, call.text("tenant"));
  if (!tenant) return fail(tenant.error());
  tenants::Domain domain;
  domain.tenant = tenant->id;
  if (auto done = set_fields(call, domain); !done) return fail(done.error());
  if (auto allowed = require_domain(services, call.caller, domain, "add such a domain"); !allowed) {
    return fail(allowed.error());
  }
  const auto made = services.directory.create_domain(std::move(domain));
  if (!made) return fail(made.error());
  apply_change(services, call, tenant->id, change_of(made->name).verb("added"));
  return view(services, call.caller, *made);
}

Result<Json> show_domain(const AdminServices& services, const Call& call) {
  const auto domain = find_domain(services, call.caller, call.in_path("domain"));
  if (!domain) return fail(domain.error());
  Json json = view(services, call.caller, *domain);
  add_monitored(services, json, listings::Subject::of(domain->name));
  return json;
}

Result<Json> set_domain(const AdminServices& services, const Call& call) {
  const auto lock = services.directory.lock_for_change();
  const auto before = find_domain(services, call.caller, call.in_path("domain"));
  if (!before) return fail(before.error());
  tenants::Domain domain = *before;
  if (auto done = set_fields(call, domain); !done) return fail(done.error());
  if (call.has("name")) {
    if (auto allowed = require_domain(services, call.caller, domain, "rename domains so"); !allowed) {
      return fail(allowed.error());
    }
  }
  const auto after = services.directory.update_domain(domain);
  if (!after) return fail(after.error());
  auto change = change_of(before->name);
  change.field("name", before->name, after->name).field("catch_all", before->catch_all, after->catch_all);
  if (before->certificate_pem != after->certificate_pem) change.verb("certificate replaced");
  if (!change.empty()) apply_change(services, call, after->tenant, change);
  return view(services, call.caller, *after);
}

Result<Json> remove_domain(const AdminServices& services, const Call& call) {
  const auto domain = find_domain(services, call.caller, call.in_path("domain"));
  if (!domain) return fail(domain.error());
  if (auto allowed = require_above(call.caller, domain->tenant, "remove domains"); !allowed) {
    return fail(allowed.error());
  }
  const auto name = mail::canonical_domain(call.in_path("domain"));
  if (name && std::ranges::find(domain->former_names, *name) != domain->former_names.end()) {
    return remove_former_name(services, call, *domain, *name);
  }
  if (auto done = services.directory.remove_domain(domain->id); !done) return fail(done.error());
  apply_change(services, call, domain->tenant, change_of(domain->name).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

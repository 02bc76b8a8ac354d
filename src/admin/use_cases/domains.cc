#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"
#include "src/net/tls.h"

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
  if (!call.has("certificate") && !call.has("key")) return {};
  if (call.text("certificate").empty() != call.text("key").empty()) {
    const bool has_key = call.text("certificate").empty();
    return fail(ErrorCode::kInvalid, "a certificate and its private key belong together",
                has_key ? "give --certificate too" : "give --key too");
  }
  if (!call.text("certificate").empty()) {
    if (const auto parsed = net::parse_certificate(call.text("certificate"), call.text("key")); !parsed) {
      return fail(parsed.error());
    }
  }
  domain.certificate_pem = call.text("certificate");
  domain.key_pem = call.text("key");
  return {};
}

}  // namespace

Result<Json> list_domains(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto tenant = tenant_filter(services, call);
  if (!tenant) return fail(tenant.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::Domain*> seen;
  for (const auto& domain : snapshot->domains()) {
    if ((!*tenant || domain.tenant == **tenant) && domain.name > page->after) seen.push_back(&domain);
  }
  return page_of_sorted(seen, page->limit, &tenants::Domain::name,
                        [&](const tenants::Domain& domain) { return domain_json(*snapshot, domain); });
}

// Only the operator: who adds a domain receives its mail from every tenant of this server.
Result<Json> add_domain(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "add domains"); !allowed) return fail(allowed.error());
  const auto tenant = find_tenant(services, call.caller, call.text("tenant"));
  if (!tenant) return fail(tenant.error());
  tenants::Domain domain;
  domain.tenant = tenant->id;
  if (auto done = set_fields(call, domain); !done) return fail(done.error());
  const auto made = services.directory.create_domain(std::move(domain));
  if (!made) return fail(made.error());
  apply_change(services, call, tenant->id, change_of(made->name).verb("added"));
  return domain_json(*services.live.snapshot(), *made);
}

Result<Json> show_domain(const AdminServices& services, const Call& call) {
  const auto domain = find_domain(services, call.caller, call.in_path("domain"));
  if (!domain) return fail(domain.error());
  return domain_json(*services.live.snapshot(), *domain);
}

Result<Json> set_domain(const AdminServices& services, const Call& call) {
  const auto before = find_domain(services, call.caller, call.in_path("domain"));
  if (!before) return fail(before.error());
  if (call.has("name")) {
    if (auto allowed = require_operator(call.caller, "rename domains"); !allowed) return fail(allowed.error());
  }
  tenants::Domain domain = *before;
  if (auto done = set_fields(call, domain); !done) return fail(done.error());
  const auto after = services.directory.update_domain(domain);
  if (!after) return fail(after.error());
  auto change = change_of(before->name);
  change.field("name", before->name, after->name).field("catch_all", before->catch_all, after->catch_all);
  if (before->certificate_pem != after->certificate_pem) change.verb("certificate replaced");
  if (!change.empty()) apply_change(services, call, after->tenant, change);
  return domain_json(*services.live.snapshot(), *after);
}

Result<Json> remove_domain(const AdminServices& services, const Call& call) {
  const auto domain = find_domain(services, call.caller, call.in_path("domain"));
  if (!domain) return fail(domain.error());
  if (auto allowed = require_operator(call.caller, "remove domains"); !allowed) return fail(allowed.error());
  if (auto done = services.directory.remove_domain(domain->id); !done) return fail(done.error());
  apply_change(services, call, domain->tenant, change_of(domain->name).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

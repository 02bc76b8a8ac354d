#include <limits>

#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"
#include "src/net/tls.h"

namespace bulkhead::admin {
namespace {

constexpr const char* kOperatorFields[] = {"name",           "state",           "reseller", "message_size_max",
                                           "recipients_max", "shared_addresses"};

Change change_of(const std::string& name) {
  return Change{"tenant " + name};
}

std::string_view yes_or_no(bool claim) {
  return claim ? "yes" : "no";
}

Status set_reseller(const AdminServices& services, const Call& call, tenants::Tenant& tenant) {
  if (!call.has("reseller")) return {};
  if (call.is_null("reseller") || call.text("reseller").empty()) {
    tenant.reseller.reset();
    return {};
  }
  const auto reseller = find_tenant(services, call.caller, call.text("reseller"));
  if (!reseller) return fail(reseller.error());
  if (reseller->id == tenant.id) return fail(ErrorCode::kInvalid, "a tenant cannot be its own reseller");
  tenant.reseller = reseller->id;
  return {};
}

Status set_certificate(const Call& call, tenants::Tenant& tenant) {
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
  tenant.certificate_pem = call.text("certificate");
  tenant.key_pem = call.text("key");
  return {};
}

Status set_limits(const Call& call, tenants::Tenant& tenant) {
  if (const auto size = call.number("message_size_max")) tenant.message_size_max = *size;
  const auto recipients = call.number("recipients_max");
  if (!recipients) return {};
  if (*recipients < 1 || *recipients > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kInvalid, "recipients_max is out of range");
  }
  tenant.recipients_max = static_cast<std::uint32_t>(*recipients);
  return {};
}

Status set_fields(const AdminServices& services, const Call& call, tenants::Tenant& tenant) {
  if (call.has("name")) tenant.name = call.text("name");
  if (call.has("state")) {
    const auto suspension = parse_suspension(call.text("state"));
    if (!suspension) return fail(suspension.error());
    tenant.suspension = *suspension;
  }
  if (call.has("postmaster")) {
    if (const auto text = call.text("postmaster"); !text.empty() && !mail::Address::parse(text)) {
      return fail(ErrorCode::kInvalid, "postmaster is not a mail address");
    }
    tenant.postmaster = call.text("postmaster");
  }
  if (call.has("shared_addresses")) tenant.shares_addresses = call.is_true("shared_addresses");
  if (auto done = set_limits(call, tenant); !done) return done;
  if (auto done = set_reseller(services, call, tenant); !done) return done;
  return set_certificate(call, tenant);
}

}  // namespace

Result<Json> list_tenants(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::Tenant*> seen;
  for (const auto& tenant : snapshot->tenants()) {
    if (call.caller.sees(tenant.id) && tenant.name > page->after) seen.push_back(&tenant);
  }
  return page_of_sorted(seen, page->limit, &tenants::Tenant::name,
                        [&](const tenants::Tenant& tenant) { return tenant_json(*snapshot, tenant); });
}

Result<Json> add_tenant(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "add tenants"); !allowed) return fail(allowed.error());
  tenants::Tenant tenant;
  if (auto done = set_fields(services, call, tenant); !done) return fail(done.error());
  auto made = services.directory.create_tenant(std::move(tenant));
  if (!made) return fail(made.error());
  apply_change(services, call, made->id, change_of(made->name).verb("added"));
  return tenant_json(*services.live.snapshot(), *made);
}

Result<Json> show_tenant(const AdminServices& services, const Call& call) {
  const auto tenant = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!tenant) return fail(tenant.error());
  return tenant_json(*services.live.snapshot(), *tenant);
}

Result<Json> set_tenant(const AdminServices& services, const Call& call) {
  const auto before = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!before) return fail(before.error());
  for (const char* field : kOperatorFields) {
    if (!call.has(field)) continue;
    const auto allowed = require_operator(call.caller, fmt::format("set a tenant's {}", field));
    if (!allowed) return fail(allowed.error());
  }
  tenants::Tenant tenant = *before;
  if (auto done = set_fields(services, call, tenant); !done) return fail(done.error());
  const auto after = services.directory.update_tenant(tenant);
  if (!after) return fail(after.error());
  auto change = change_of(before->name);
  change.field("name", before->name, after->name)
      .field("state", to_string(before->suspension), to_string(after->suspension))
      .field("postmaster", before->postmaster, after->postmaster)
      .field("message_size_max", before->message_size_max, after->message_size_max)
      .field("recipients_max", before->recipients_max, after->recipients_max)
      .field("shared_addresses", yes_or_no(before->shares_addresses), yes_or_no(after->shares_addresses));
  if (before->reseller != after->reseller) change.verb("reseller changed");
  if (before->certificate_pem != after->certificate_pem) change.verb("certificate replaced");
  if (!change.empty()) apply_change(services, call, after->id, change);
  return tenant_json(*services.live.snapshot(), *after);
}

Result<Json> remove_tenant(const AdminServices& services, const Call& call) {
  const auto tenant = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!tenant) return fail(tenant.error());
  if (auto allowed = require_operator(call.caller, "remove tenants"); !allowed) return fail(allowed.error());
  if (auto done = services.directory.remove_tenant(tenant->id); !done) return fail(done.error());
  apply_change(services, call, tenant->id, change_of(tenant->name).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

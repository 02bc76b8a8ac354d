#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/listings.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

Change change_of(const IpAddress& ip) {
  return Change{"address " + ip.text()};
}

std::string owner_of(const tenants::Snapshot& snapshot, const tenants::SourceAddress& address) {
  return address.tenant ? tenant_name(snapshot, *address.tenant) : "shared";
}

Json view(const AdminServices& services, const tenants::SourceAddress& address) {
  auto json = address_json(*services.live.snapshot(), *services.host.current(), address);
  add_monitored(services, json, listings::Subject::of(address.ip));
  return json;
}

// "tenant": a name or null for shared; "shared": true says the same. Exactly one of them when it is required.
Status set_owner(const AdminServices& services, const Call& call, tenants::SourceAddress& address) {
  const bool is_shared = call.is_true("shared") || call.is_null("tenant");
  if (is_shared && !call.text("tenant").empty()) {
    return fail(ErrorCode::kInvalid, "an address is either shared or a tenant's", "give tenant or shared, not both");
  }
  if (is_shared) address.tenant.reset();
  if (call.text("tenant").empty()) return {};
  const auto tenant = find_tenant(services, call.caller, call.text("tenant"));
  if (!tenant) return fail(tenant.error());
  address.tenant = tenant->id;
  return {};
}

Status set_fields(const AdminServices& services, const Call& call, tenants::SourceAddress& address) {
  if (call.has("helo")) {
    address.helo.clear();
    if (const auto text = call.text("helo"); !text.empty()) {
      auto name = mail::canonical_domain(text);
      if (!name) return fail(name.error());
      address.helo = std::move(*name);
    }
  }
  if (call.has("default")) address.is_default = call.is_true("default");
  return set_owner(services, call, address);
}

// "ready": an operator's word in place of the check, or that it is to be checked anew. Whether it may be said is asked
// before anything is changed, so that a refusal leaves nothing half done.
Status check_ready(const AdminServices& services, const Call& call, const IpAddress& ip) {
  if (!call.has("ready")) return {};
  if (auto allowed = require_operator(call.caller, "say that addresses are ready"); !allowed) return allowed;
  if (services.monitor == nullptr) return fail(ErrorCode::kUnavailable, "readiness is not watched by this server");
  if (ip.is_loopback()) {
    return fail(ErrorCode::kConflict, fmt::format("{} is not checked", ip.text()),
                "a loopback address is always ready");
  }
  return {};
}

bool is_withheld(const AdminServices& services, const IpAddress& ip) {
  if (services.monitor == nullptr) return false;
  const auto view = services.monitor->readiness(listings::Subject::of(ip));
  return view && view->is_withheld;
}

// The tenant that the event belongs to; nil for a shared address.
TenantId event_tenant(const tenants::SourceAddress& address) {
  return address.tenant.value_or(TenantId{});
}

// Each side learns what concerns it, and not the other's name; both names are in the operator's line.
void record_move(const AdminServices& services, const Call& call, const tenants::SourceAddress& before,
                 const tenants::SourceAddress& after) {
  if (before.tenant) record_change(services, call, *before.tenant, change_of(before.ip).verb("taken away"));
  if (after.tenant) record_change(services, call, *after.tenant, change_of(after.ip).verb("given"));
  const auto snapshot = services.live.snapshot();
  auto change = change_of(after.ip);
  change.field("owner", owner_of(*snapshot, before), owner_of(*snapshot, after));
  record_change(services, call, TenantId{}, change);
}

}  // namespace

Result<Json> list_addresses(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::SourceAddress*> seen;
  for (const auto& address : snapshot->addresses()) {
    if (scope->includes(address.tenant) && address.ip.text() > page->after) seen.push_back(&address);
  }
  const auto key = [](const tenants::SourceAddress& address) { return address.ip.text(); };
  return page_of_sorted(seen, page->limit, key,
                        [&](const tenants::SourceAddress& address) { return view(services, address); });
}

Result<Json> add_address(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "add addresses"); !allowed) return fail(allowed.error());
  const auto ip = IpAddress::parse(call.text("ip"));
  if (!ip) return fail(ErrorCode::kInvalid, "ip is not an IPv4 or IPv6 address");
  if (ip->is_unspecified()) {
    return fail(ErrorCode::kInvalid, fmt::format("{} stands for every address: mail leaves from one", ip->text()),
                "what this host has: ip address show");
  }
  if (call.text("tenant").empty() && !call.is_true("shared")) {
    return fail(
        ErrorCode::kInvalid, "whose address is it?",
        fmt::format("name its tenant with --tenant, or make it shared: bulkhead address add {} --shared", ip->text()));
  }
  tenants::SourceAddress address;
  address.ip = *ip;
  if (auto done = set_fields(services, call, address); !done) return fail(done.error());
  const auto snapshot = services.live.snapshot();
  const auto made = services.directory.create_address(std::move(address));
  if (!made) return fail(made.error());
  auto change = change_of(made->ip);
  change.verb("added").field("owner", "", owner_of(*services.live.snapshot(), *made));
  apply_change(services, call, event_tenant(*made), change.touches(Touched::nothing()));
  Json json = view(services, *made);
  auto warnings = service_warnings(services, call.caller, *snapshot, made->ip);
  if (is_withheld(services, made->ip)) {
    warnings.push_back(fmt::format(
        "mail waits until {0} has passed its check, which begins now: bulkhead address check {0}", made->ip.text()));
  }
  add_warnings(json, warnings);
  return json;
}

Result<Json> show_address(const AdminServices& services, const Call& call) {
  const auto address = find_address(services, call.caller, call.in_path("address"));
  if (!address) return fail(address.error());
  return view(services, *address);
}

// A reseller moves addresses between the tenants that it sees, its own included.
Result<Json> set_address(const AdminServices& services, const Call& call) {
  const auto lock = services.directory.lock_for_change();
  const auto before = find_address(services, call.caller, call.in_path("address"));
  if (!before) return fail(before.error());
  if (!call.caller.is_reseller()) {
    if (auto allowed = require_operator(call.caller, "change addresses"); !allowed) return fail(allowed.error());
  }
  tenants::SourceAddress address = *before;
  if (auto done = set_fields(services, call, address); !done) return fail(done.error());
  if (!address.tenant) {
    if (auto allowed = require_operator(call.caller, "share addresses"); !allowed) return fail(allowed.error());
  }
  if (auto possible = check_ready(services, call, address.ip); !possible) return fail(possible.error());
  const auto snapshot = services.live.snapshot();
  const auto after = services.directory.update_address(address);
  if (!after) return fail(after.error());
  if (before->tenant != after->tenant) record_move(services, call, *before, *after);
  auto change = change_of(before->ip);
  change.field("helo", before->helo, after->helo)
      .field("default", before->is_default ? "yes" : "no", after->is_default ? "yes" : "no");
  refresh_after_change(services, Touched::nothing());
  // Last, for a new name for HELO makes the address one that nobody has looked at.
  Status ready;
  if (call.has("ready")) ready = services.monitor->set_ready(after->ip, call.is_true("ready"));
  if (call.has("ready") && ready) {
    change.verb(call.is_true("ready") ? "let go as ready" : "to be checked before it sends");
  }
  if (!change.empty()) record_change(services, call, event_tenant(*after), change);
  if (!ready) return fail(ready.error());
  Json json = view(services, *after);
  add_warnings(json, service_warnings(services, call.caller, *snapshot, after->ip));
  return json;
}

Result<Json> remove_address(const AdminServices& services, const Call& call) {
  const auto address = find_address(services, call.caller, call.in_path("address"));
  if (!address) return fail(address.error());
  if (auto allowed = require_operator(call.caller, "remove addresses"); !allowed) return fail(allowed.error());
  if (auto done = services.directory.remove_address(address->id); !done) return fail(done.error());
  auto change = change_of(address->ip);
  change.verb("removed").field("owner", owner_of(*services.live.snapshot(), *address), "");
  apply_change(services, call, event_tenant(*address), change.touches(Touched::nothing()));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include <limits>

#include <fmt/format.h>

#include "src/admin/use_cases/certificate_fields.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"
#include "src/admin/webhook_desk.h"

namespace bulkhead::admin {
namespace {

// Whose use the tenant itself may not decide: what it costs those above it.
constexpr const char* kFieldsFromAbove[] = {"name",           "state",       "reseller", "message_size_max",
                                            "recipients_max", "tenants_max", "webhook"};

constexpr std::string_view kShare = "let a tenant use the shared addresses";

Change change_of(const std::string& name) {
  return Change{"tenant " + name};
}

std::string_view yes_or_no(bool claim) {
  return claim ? "yes" : "no";
}

// Each reseller from `reseller` upwards has room for one more tenant, but for those that have `moved`
// already. An operator may go beyond: the quota is what it grants to resellers.
Status check_quota(const AdminServices& services, const Caller& caller, const TenantId& reseller,
                   const TenantId& moved) {
  if (caller.is_operator()) return {};
  const auto snapshot = services.live.snapshot();
  for (const auto* above = snapshot->tenant(reseller); above != nullptr;
       above = above->reseller ? snapshot->tenant(*above->reseller) : nullptr) {
    const auto owned = snapshot->owned_by(above->id);
    if (std::ranges::binary_search(owned, moved) || owned.size() < above->tenants_max) continue;
    // Not whose: it may be one that the caller does not see.
    return fail(ErrorCode::kForbidden, "no more tenants may be added below this reseller",
                "ask who is above it for a larger tenants_max");
  }
  return {};
}

// A tenant that a reseller adds is its own unless it says otherwise, and stays below it.
Status set_reseller(const AdminServices& services, const Call& call, tenants::Tenant& tenant) {
  const bool is_new = tenant.id == TenantId{};
  if (!call.has("reseller") && (!is_new || call.caller.is_operator())) return {};
  const auto name = call.text("reseller");
  if (call.caller.is_operator() && name.empty()) {
    tenant.reseller.reset();
    return {};
  }
  if (name.empty() && !is_new) return require_operator(call.caller, "make a tenant independent of its reseller");
  const auto reseller = find_tenant(services, call.caller, name.empty() ? call.caller.tenant->text() : name);
  if (!reseller) return fail(reseller.error());
  if (reseller->id == tenant.id) return fail(ErrorCode::kInvalid, "a tenant cannot be its own reseller");
  tenant.reseller = reseller->id;
  return check_quota(services, call.caller, reseller->id, tenant.id);
}

Status set_limits(const Call& call, tenants::Tenant& tenant) {
  if (const auto size = call.number("message_size_max")) tenant.message_size_max = *size;
  if (const auto tenants = call.number("tenants_max")) {
    if (*tenants > std::numeric_limits<std::uint32_t>::max()) {
      return fail(ErrorCode::kInvalid, "tenants_max is out of range");
    }
    tenant.tenants_max = static_cast<std::uint32_t>(*tenants);
  }
  const auto recipients = call.number("recipients_max");
  if (!recipients) return {};
  if (*recipients < 1 || *recipients > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kInvalid, "recipients_max is out of range");
  }
  tenant.recipients_max = static_cast<std::uint32_t>(*recipients);
  return {};
}

Status set_plan(const Call& call, tenants::Tenant& tenant) {
  if (call.has("plan")) {
    // The operator's alone: a plan says how much accounts may send.
    if (auto allowed = require_operator(call.caller, "set a tenant's plan"); !allowed) return allowed;
    const auto plan = parse_plan(call.text("plan"));
    if (!plan) return fail(plan.error());
    tenant.plan = *plan;
  }
  if (!call.has("over_limit")) return {};
  const auto choice = parse_over_limit(call.text("over_limit"));
  if (!choice) return fail(choice.error());
  tenant.over_limit = *choice;
  return {};
}

// What becomes of mail to a feedback address; of "" there is nothing to say.
std::vector<std::string> feedback_warnings(const AdminServices& services, const std::string& text) {
  const auto address = mail::Address::parse(text);
  if (!address) return {};
  const auto account = services.directory.account_by_address(as_kept(services, *address));
  const auto alias = services.directory.alias_by_address(as_kept(services, *address));
  const bool is_mailbox = account && *account;
  if (is_mailbox || (alias && *alias)) {
    return {fmt::format("there is {} {}, too: all mail to it is taken as feedback, and is delivered there besides",
                        is_mailbox ? "a mailbox" : "an alias", text)};
  }
  return {
      fmt::format("all mail to {} is taken as feedback from now on, whatever it is, and delivered to nobody: there "
                  "is no mailbox and no alias of that name",
                  text)};
}

// In a domain of the tenant, so that nobody collects what is told about others.
Result<std::string> feedback_address_of(const AdminServices& services, const Call& call,
                                        const tenants::Tenant& tenant) {
  const auto text = call.text("feedback_address");
  if (text.empty()) return std::string{};
  const auto address = parse_local_address(text);
  if (!address) return fail(ErrorCode::kInvalid, "feedback_address is not a mail address");
  const auto kept = as_kept(services, *address);
  const auto snapshot = services.live.snapshot();
  const auto* domain = snapshot->domain_by_name(kept.domain);
  if (domain == nullptr || domain->tenant != tenant.id) {
    return fail(ErrorCode::kInvalid, "feedback_address must be in a domain of the tenant", "add the domain first");
  }
  return kept.text();
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
  if (call.has("feedback_address")) {
    auto address = feedback_address_of(services, call, tenant);
    if (!address) return fail(address.error());
    tenant.feedback_address = std::move(*address);
  }
  if (call.has("shared_addresses")) tenant.shares_addresses = call.is_true("shared_addresses");
  if (auto done = set_limits(call, tenant); !done) return done;
  if (auto done = set_plan(call, tenant); !done) return done;
  if (auto done = set_reseller(services, call, tenant); !done) return done;
  return set_certificate(call, tenant.certificate_pem, tenant.key_pem);
}

// A reseller is a tenant that an operator lets own others.
Status require_reseller(const AdminServices& services, const Caller& caller) {
  if (caller.is_operator() || caller.is_reseller()) return {};
  const auto snapshot = services.live.snapshot();
  const auto* tenant = snapshot->tenant(*caller.tenant);
  return tenant != nullptr && tenant->tenants_max > 0 ? Status{} : require_operator(caller, "add tenants");
}

// Which fields the caller may set of a tenant that it sees.
Status check_fields(const Call& call, const TenantId& tenant) {
  if (call.has("shared_addresses")) {
    if (auto allowed = require_operator(call.caller, kShare); !allowed) return allowed;
  }
  for (const char* field : kFieldsFromAbove) {
    if (!call.has(field)) continue;
    const auto allowed = require_above(call.caller, tenant, fmt::format("set a tenant's {}", field));
    if (!allowed) return allowed;
  }
  return {};
}

Status check_webhook(const AdminServices& services, const Call& call) {
  if (!call.has("webhook") || call.text("webhook").empty()) return {};
  if (services.webhooks == nullptr) return fail(ErrorCode::kUnavailable, "this server posts no events");
  return services.webhooks->check(call.text("webhook"));
}

// The last of a change, as it is kept elsewhere. Gives the new secret, which is shown this once.
Result<Secret> set_webhook(const AdminServices& services, const Call& call, const tenants::Tenant& tenant) {
  if (!call.has("webhook") || services.webhooks == nullptr) return Secret{};
  const auto url = call.text("webhook");
  if (!url.empty()) {
    auto secret = services.webhooks->set(tenant.id, url);
    if (secret) apply_change(services, call, tenant.id, change_of(tenant.name).verb("webhook set"));
    return secret;
  }
  if (auto removed = services.webhooks->remove(tenant.id); !removed) return fail(removed.error());
  apply_change(services, call, tenant.id, change_of(tenant.name).verb("webhook removed"));
  return Secret{};
}

void add_webhook(const AdminServices& services, const tenants::Tenant& tenant, Json& json) {
  if (services.webhooks == nullptr) return;
  const auto webhook = services.webhooks->of(tenant.id);
  json["webhook"] = webhook ? Json(webhook->url) : Json(nullptr);
  if (webhook) json["webhook_waiting"] = webhook->waiting;
  if (webhook && !webhook->trouble.empty()) json["webhook_trouble"] = webhook->trouble;
}

Json view(const AdminServices& services, const Caller& caller, const tenants::Tenant& tenant) {
  Json json = tenant_json(*services.live.snapshot(), tenant);
  add_webhook(services, tenant, json);
  add_warnings(json, dangling_warnings(services, caller, tenant.postmaster));
  return json;
}

// After a change: with the secret of a webhook that was set by it.
Result<Json> view_with_secret(const AdminServices& services, const Call& call, const tenants::Tenant& tenant) {
  const auto secret = set_webhook(services, call, tenant);
  if (!secret) return fail(secret.error());
  Json json = view(services, call.caller, tenant);
  if (!secret->empty()) json["webhook_secret"] = std::string{secret->reveal()};
  return json;
}

// A former name is removed by itself: the tenant goes on under its present one.
Result<Json> remove_former_name(const AdminServices& services, const Call& call, const tenants::Tenant& tenant,
                                const std::string& name) {
  if (auto done = services.directory.remove_former_name(tenant.id, name); !done) return fail(done.error());
  apply_change(services, call, tenant.id, change_of(tenant.name).verb("former name " + name + " removed"));
  return Json(nullptr);
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
  if (auto allowed = require_reseller(services, call.caller); !allowed) return fail(allowed.error());
  if (call.has("shared_addresses")) {
    if (auto allowed = require_operator(call.caller, kShare); !allowed) return fail(allowed.error());
  }
  tenants::Tenant tenant;
  if (auto done = set_fields(services, call, tenant); !done) return fail(done.error());
  if (auto checked = check_webhook(services, call); !checked) return fail(checked.error());
  auto made = services.directory.create_tenant(std::move(tenant));
  if (!made) return fail(made.error());
  apply_change(services, call, made->id, change_of(made->name).verb("added"));
  return view_with_secret(services, call, *made);
}

Result<Json> show_tenant(const AdminServices& services, const Call& call) {
  const auto tenant = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!tenant) return fail(tenant.error());
  return view(services, call.caller, *tenant);
}

Result<Json> set_tenant(const AdminServices& services, const Call& call) {
  const auto lock = services.directory.lock_for_change();
  const auto before = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!before) return fail(before.error());
  if (auto allowed = check_fields(call, before->id); !allowed) return fail(allowed.error());
  if (auto checked = check_webhook(services, call); !checked) return fail(checked.error());
  tenants::Tenant tenant = *before;
  if (auto done = set_fields(services, call, tenant); !done) return fail(done.error());
  const auto after = services.directory.update_tenant(tenant);
  if (!after) return fail(after.error());
  auto change = change_of(before->name);
  change.field("name", before->name, after->name)
      .field("state", to_string(before->suspension), to_string(after->suspension))
      .field("postmaster", before->postmaster, after->postmaster)
      .field("feedback_address", before->feedback_address, after->feedback_address)
      .field("message_size_max", before->message_size_max, after->message_size_max)
      .field("recipients_max", before->recipients_max, after->recipients_max)
      .field("tenants_max", before->tenants_max, after->tenants_max)
      .field("shared_addresses", yes_or_no(before->shares_addresses), yes_or_no(after->shares_addresses))
      .field("plan", to_string(before->plan), to_string(after->plan))
      .field("over_limit", to_string(before->over_limit), to_string(after->over_limit));
  if (before->reseller != after->reseller) change.verb("reseller changed");
  if (before->certificate_pem != after->certificate_pem) change.verb("certificate replaced");
  if (!change.empty()) apply_change(services, call, after->id, change);
  const bool sends_otherwise =
      before->plan != after->plan || before->over_limit != after->over_limit || before->reseller != after->reseller;
  if (sends_otherwise) services.queue.limits_changed();
  auto json = view_with_secret(services, call, *after);
  if (json && call.has("feedback_address")) add_warnings(*json, feedback_warnings(services, after->feedback_address));
  return json;
}

Result<Json> remove_tenant(const AdminServices& services, const Call& call) {
  const auto tenant = find_tenant(services, call.caller, call.in_path("tenant"));
  if (!tenant) return fail(tenant.error());
  if (auto allowed = require_above(call.caller, tenant->id, "remove tenants"); !allowed) return fail(allowed.error());
  const auto& name = call.in_path("tenant");
  if (std::ranges::find(tenant->former_names, name) != tenant->former_names.end()) {
    return remove_former_name(services, call, *tenant, name);
  }
  if (auto done = services.directory.remove_tenant(tenant->id); !done) return fail(done.error());
  if (services.webhooks != nullptr) {
    // An endpoint that outlives its tenant is told of nothing: what remains is a row.
    if (auto removed = services.webhooks->remove(tenant->id); !removed)
      services.log.warning("{}", removed.error().message);
  }
  apply_change(services, call, tenant->id, change_of(tenant->name).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include <fmt/format.h>

#include "src/admin/token_secret.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kNameMax = 100;

Change change_of(const tenants::Token& token) {
  return Change{"token " + token.name}.touches(Touched::nothing());
}

Status set_fields(const AdminServices& services, const Call& call, tenants::Token& token) {
  token.name = call.text("name");
  if (token.name.empty() || token.name.size() > kNameMax) {
    return fail(ErrorCode::kInvalid, fmt::format("a token's name has 1 to {} bytes", kNameMax));
  }
  if (!call.text("expires_at").empty()) {
    token.expires_at = parse_rfc3339(call.text("expires_at"));
    if (!token.expires_at) return fail(ErrorCode::kInvalid, "expires_at is not a time", "write 2027-01-31T00:00:00Z");
    if (*token.expires_at <= services.clock.now()) return fail(ErrorCode::kInvalid, "expires_at lies in the past");
  }
  if (call.text("tenant").empty()) return {};
  const auto tenant = find_tenant(services, call.caller, call.text("tenant"));
  if (!tenant) return fail(tenant.error());
  token.tenant = tenant->id;
  return {};
}

// A reseller gives out and takes away the tokens of the tenants that it owns, not its own.
Status require_above_owner(const Caller& caller, const tenants::Token& token, std::string_view what) {
  return token.tenant ? require_above(caller, *token.tenant, what) : require_operator(caller, what);
}

Result<tenants::Token> visible_token(const AdminServices& services, const Call& call) {
  const auto& name = call.in_path("token");
  const auto id = TokenId::parse(name);
  const auto snapshot = services.live.snapshot();
  for (const auto& token : snapshot->tokens()) {
    if (call.caller.sees(token.tenant) && (token.name == name || (id && token.id == *id))) return token;
  }
  return fail(ErrorCode::kNotFound, fmt::format("no token \"{}\"", escape_controls(name, 320)),
              "list what there is with: bulkhead token list");
}

}  // namespace

Result<Json> list_tokens(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto snapshot = services.live.snapshot();
  std::vector<const tenants::Token*> seen;
  for (const auto& token : snapshot->tokens()) {
    if (scope->includes(token.tenant) && token.id.text() > page->after) seen.push_back(&token);
  }
  const auto key = [](const tenants::Token& token) { return token.id.text(); };
  return page_of_sorted(seen, page->limit, key,
                        [&](const tenants::Token& token) { return token_json(*snapshot, token); });
}

Result<Json> add_token(const AdminServices& services, const Call& call) {
  tenants::Token token;
  if (auto done = set_fields(services, call, token); !done) return fail(done.error());
  if (auto allowed = require_above_owner(call.caller, token, "add tokens"); !allowed) return fail(allowed.error());
  const Secret secret = make_token_secret(services.random);
  token.hash = token_hash(secret.reveal());
  const auto made = services.directory.create_token(std::move(token));
  if (!made) return fail(made.error());
  apply_change(services, call, made->tenant.value_or(TenantId{}), change_of(*made).verb("added"));
  Json json = token_json(*services.live.snapshot(), *made);
  json["secret"] = std::string{secret.reveal()};
  return json;
}

Result<Json> remove_token(const AdminServices& services, const Call& call) {
  const auto token = visible_token(services, call);
  if (!token) return fail(token.error());
  if (auto allowed = require_above_owner(call.caller, *token, "remove tokens"); !allowed) return fail(allowed.error());
  if (auto done = services.directory.remove_token(token->id); !done) return fail(done.error());
  apply_change(services, call, token->tenant.value_or(TenantId{}), change_of(*token).verb("removed"));
  return Json(nullptr);
}

}  // namespace bulkhead::admin

#include "src/admin/rest/authentication.h"

#include <fmt/format.h>

#include "src/admin/token_secret.h"

namespace bulkhead::admin {
namespace {

constexpr std::string_view kScheme = "bearer ";

std::optional<std::string_view> bearer_secret(const proto::http::Request& request) {
  const auto field = request.header("authorization");
  if (!field || field->size() <= kScheme.size()) return std::nullopt;
  const bool is_bearer = proto::http::is_same_token(field->substr(0, kScheme.size()), kScheme);
  return is_bearer ? std::optional{field->substr(kScheme.size())} : std::nullopt;
}

}  // namespace

Result<Caller> authenticate(const AuthenticationPolicy& policy, const HttpContext& context,
                            const proto::http::Request& request, const tenants::Snapshot& snapshot) {
  Caller caller;
  if (!context.unix_peer) caller.client_ip = context.remote.ip;
  if (const auto secret = bearer_secret(request)) {
    const auto* token = find_token(snapshot, *secret, context.clock.now());
    if (token == nullptr)
      return fail(ErrorCode::kForbidden, "the token is not valid", "make one with: bulkhead token add");
    caller.name = "token " + token->name;
    caller.tenant = token->tenant;
    caller.token = token->id;
    if (caller.tenant) caller.owned = snapshot.owned_by(*caller.tenant);
    return caller;
  }
  if (!context.unix_peer) {
    return fail(ErrorCode::kForbidden, "this needs a token", "send the header Authorization: Bearer TOKEN");
  }
  if (!policy.operator_uids.contains(context.unix_peer->uid)) {
    return fail(ErrorCode::kForbidden, fmt::format("user {} is not an operator of this server", context.unix_peer->uid),
                "run the command as root or as the server's user, or give a token");
  }
  caller.name = fmt::format("uid {}", context.unix_peer->uid);
  return caller;
}

bool is_still(const Caller& caller, const tenants::Snapshot& snapshot, UtcTime now) {
  if (!caller.token) return true;
  for (const auto& token : snapshot.tokens()) {
    if (token.id != *caller.token) continue;
    const bool is_valid = !token.expires_at || *token.expires_at > now;
    return is_valid && token.tenant == caller.tenant &&
           (!caller.tenant || snapshot.owned_by(*caller.tenant) == caller.owned);
  }
  return false;
}

}  // namespace bulkhead::admin

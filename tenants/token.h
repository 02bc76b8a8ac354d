// Tokens of the API: made here, shown once, and kept only as a hash.
#pragma once

#include <optional>
#include <string>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/base/secret.h"
#include "tenants/live_directory.h"

namespace bulkhead::tenants {

struct NewToken {
  Token token;    // for Directory::create_token()
  Secret secret;  // 43 characters of base64url; what the caller presents as bearer token
};

// `tenant` nothing: an operator's token, which sees everything. `expires_at` nothing: never.
NewToken make_token(std::string name, std::optional<TenantId> tenant, std::optional<UtcTime> expires_at,
                    Random& random);

// SHA-256 in lower-case hex.
std::string token_hash(const Secret& secret);

// The token that `secret` opens; null when there is none or it has expired. Compares with each token in full, so that
// the time tells nothing about how near a guess came.
const Token* verify_token(const Snapshot& directory, const Secret& secret, UtcTime now);

}  // namespace bulkhead::tenants

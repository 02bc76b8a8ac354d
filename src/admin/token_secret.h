// The secret of an API token: 256 random bits, shown once, kept as its SHA-256.
#pragma once

#include <string>
#include <string_view>

#include "src/base/random.h"
#include "src/base/secret.h"
#include "tenants/live_directory.h"

namespace bulkhead::admin {

Secret make_token_secret(Random& random);         // "bh_" and 64 hexadecimal digits
std::string token_hash(std::string_view secret);  // SHA-256, 64 hexadecimal digits in lower case
// The token with this secret that has not expired; nothing when there is none. Compares every token, in constant time.
const tenants::Token* find_token(const tenants::Snapshot& snapshot, std::string_view secret, UtcTime now);

}  // namespace bulkhead::admin

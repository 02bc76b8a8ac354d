// Secrets and signatures of webhooks, as the Standard Webhooks specification says (https://www.standardwebhooks.com).
#pragma once

#include <string>
#include <string_view>

#include "src/base/random.h"
#include "src/base/result.h"
#include "src/base/secret.h"

namespace bulkhead::webhook {

Secret make_secret(Random& random);  // "whsec_" and 32 random bytes in base 64
// kInvalid unless it is "whsec_" and 24 to 64 bytes in base 64.
Status check_secret(const Secret& secret);

struct Signed {
  std::string_view id;
  std::int64_t timestamp = 0;  // Unix seconds, of the attempt
  std::string_view body;
};
// The header webhook-signature: "v1," and HMAC-SHA256 over "id.timestamp.body" in base 64. The secret was checked.
std::string sign(const Secret& secret, const Signed& message);

}  // namespace bulkhead::webhook

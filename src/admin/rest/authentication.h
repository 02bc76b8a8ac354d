// Who a request comes from: the peer's uid on the Unix socket, or a bearer token (RFC 6750).
#pragma once

#include <chrono>
#include <set>

#include "src/admin/caller.h"
#include "src/admin/http_handler.h"
#include "tenants/live_directory.h"

namespace bulkhead::admin {

struct AuthenticationPolicy {
  std::set<unsigned> operator_uids{0};  // and the server's own; the peers that are operators on the Unix socket
  // What a wrong token costs whoever guesses. Tokens have 256 bits: this only keeps the noise down.
  std::chrono::milliseconds failure_delay{500};
};

// An error means 401: it never tells whether a token exists, has expired or is malformed.
Result<Caller> authenticate(const AuthenticationPolicy& policy, const HttpContext& context,
                            const proto::http::Request& request, const tenants::Snapshot& snapshot);

// Whether what a caller was told it may see is still so: its token is there and has not expired, and its tenant owns
// the same tenants. For answers that take long.
bool is_still(const Caller& caller, const tenants::Snapshot& snapshot, UtcTime now);

}  // namespace bulkhead::admin

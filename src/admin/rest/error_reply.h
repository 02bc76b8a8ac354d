// Errors as HTTP: the one place where an ErrorCode becomes a status.
#pragma once

#include "src/base/result.h"
#include "src/proto/http/response.h"

namespace bulkhead::admin {

int http_status(ErrorCode code);
// {"error": {"code", "message", "advice"}} with the status of the code.
proto::http::Response error_response(const Error& error);
// 401 with WWW-Authenticate (RFC 6750 §3).
proto::http::Response unauthenticated_response(const Error& error);
// For what HTTP itself refuses, where there is no Error.
proto::http::Response refusal_response(int status, std::string reason);

}  // namespace bulkhead::admin

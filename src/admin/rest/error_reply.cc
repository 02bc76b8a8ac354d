#include "src/admin/rest/error_reply.h"

#include "src/admin/json.h"

namespace bulkhead::admin {
namespace {

proto::http::Response json_error(int status, std::string_view code, const std::string& message,
                                 const std::string& advice) {
  Json error{{"code", code}, {"message", message}};
  error["advice"] = advice.empty() ? Json(nullptr) : Json(advice);
  return {.status = status,
          .content_type = "application/json",
          .headers = {{"Cache-Control", "no-store"}},
          .body = dump(Json{{"error", std::move(error)}}) + "\n"};
}

}  // namespace

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kProtocol:
      return 400;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kLimit:
      return 429;
    case ErrorCode::kUnavailable:
    case ErrorCode::kClosed:
    case ErrorCode::kCancelled:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kFull:
      return 507;
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
      return 500;
  }
  return 500;
}

proto::http::Response error_response(const Error& error) {
  return json_error(http_status(error.code), to_string(error.code), error.message, error.advice);
}

proto::http::Response unauthenticated_response(const Error& error) {
  auto response = json_error(401, "unauthenticated", error.message, error.advice);
  response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"bulkhead\""});
  return response;
}

proto::http::Response refusal_response(int status, std::string reason) {
  return json_error(status, status == 413 || status == 431 ? "limit" : "protocol", reason, {});
}

}  // namespace bulkhead::admin

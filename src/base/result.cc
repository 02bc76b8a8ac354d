#include "src/base/result.h"

#include <cerrno>
#include <system_error>

namespace bulkhead {

Permanence Error::permanence() const {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kClosed:
    case ErrorCode::kFull:
    case ErrorCode::kIo:
    case ErrorCode::kCancelled:
    case ErrorCode::kLimit:
      return Permanence::kTemporary;
    default:
      return Permanence::kPermanent;
  }
}

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kExists:
      return "exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kLimit:
      return "limit";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kFull:
      return "full";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

namespace {

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kExists;
    case EACCES:
    case EPERM:
      return ErrorCode::kForbidden;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kFull;
    case ETIMEDOUT:
      return ErrorCode::kTimeout;
    case ECONNRESET:
    case EPIPE:
      return ErrorCode::kClosed;
    case ECANCELED:
      return ErrorCode::kCancelled;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error system_error(std::string_view call, std::string_view what, int error_number) {
  std::string message{call};
  message.append(" ").append(what).append(": ").append(std::generic_category().message(error_number));
  return Error{code_of(error_number), std::move(message), {}};
}

}  // namespace bulkhead

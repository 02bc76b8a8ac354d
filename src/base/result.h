// The value-or-error type that every fallible function of the program returns.
//
// An error says what kind it is, whether trying again can help, a sentence for a person, and what to do about it.
// Outcomes that are not errors (an SMTP reply, a filter's verdict, a delivery's outcome) have types of their own.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace bulkhead {

// What went wrong, coarse enough that each face (SMTP, HTTP, CLI) maps it in one place.
enum class ErrorCode {
  kInvalid,      // the caller's input is malformed or out of range
  kNotFound,     // no such thing, or not visible to the caller
  kExists,       // the name is taken
  kConflict,     // the state of the thing forbids it
  kForbidden,    // the caller may not
  kLimit,        // a bound was reached
  kUnavailable,  // a part of the system cannot serve now: trying later helps
  kTimeout,      // a deadline passed
  kClosed,       // the peer or the program has closed the channel
  kFull,         // no space left
  kIo,           // the operating system reported a fault
  kCorrupt,      // stored bytes fail their checksum or their format
  kProtocol,     // the peer broke the protocol
  kCancelled,    // the program is stopping, or the owner gave up
};

// Whether the same call may succeed later without anybody changing its arguments.
enum class Permanence { kTemporary, kPermanent };

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;  // one sentence for a person; never shown to a mail peer
  std::string advice;   // what to do about it; may be empty

  Permanence permanence() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// The short name of a code, as the API reports it ("not-found", "unavailable", …).
std::string_view to_string(ErrorCode code);

// Makes the error side of a Result: `return fail(ErrorCode::kNotFound, "no tenant acme");`
inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string advice = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(advice)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// The error of a failed system call: "CALL WHAT: strerror(errno)", with the code that errno deserves.
Error system_error(std::string_view call, std::string_view what, int error_number);

}  // namespace bulkhead

// The commands of an SMTP client as values (RFC 5321 §4.1, with the extensions that the server offers).
//
// A line either becomes a Command or the Reply that refuses it. Whether a command fits the state of the session is not
// decided here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "src/mail/envelope.h"
#include "src/proto/smtp/reply.h"

namespace bulkhead::smtp {

enum class Verb : std::uint8_t {
  kEhlo,
  kHelo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kQuit,
  kVrfy,
  kExpn,
  kHelp,
  kStartTls,
  kAuth,
};
std::string_view to_string(Verb verb);  // "EHLO", …

struct HelloArguments {
  std::string name;  // printable, at most 255 octets; the client's own claim
};

struct MailArguments {
  mail::Sender sender;
  std::uint64_t size = 0;  // SIZE= of RFC 1870; 0 when not declared
};

struct RcptArguments {
  mail::Recipient recipient;
  bool is_bare_postmaster = false;  // <postmaster> without a domain (RFC 5321 §4.5.1); `address.domain` is empty
};

struct BdatArguments {
  std::uint64_t size = 0;
  bool is_last = false;
};

struct AuthArguments {
  std::string mechanism;               // upper case
  std::optional<std::string> initial;  // still encoded; "=" stands for an empty one (RFC 4954 §4)
};

struct Command {
  Verb verb = Verb::kNoop;
  std::variant<std::monostate, HelloArguments, MailArguments, RcptArguments, BdatArguments, AuthArguments> arguments;
};

// A refusal, with what the loop must know besides the reply.
struct Refusal {
  Reply reply;
  bool is_unknown_verb = false;
  // After a malformed BDAT nobody knows where the next command begins: the connection must be closed.
  bool has_lost_framing = false;
};

// `line` is without its CRLF and of bounded length; it may hold any octets but CR, LF and NUL.
tl::expected<Command, Refusal> parse_command(std::string_view line);

// Whether the line begins as an HTTP request or a TLS record does: somebody's browser or an attack through it.
bool is_foreign_protocol(std::string_view line);

}  // namespace bulkhead::smtp

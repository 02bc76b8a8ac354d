// A mail address: the local part as it was given, the domain in its one canonical form.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/ip_address.h"
#include "src/base/result.h"

namespace bulkhead::mail {

// The canonical form of a domain name: IDNA 2008 A-labels, lower case, no trailing dot; or an address literal in
// brackets as RFC 5321 §4.1.3 writes it ("[192.0.2.1]", "[IPv6:2001:db8::1]"). kInvalid for anything else.
Result<std::string> canonical_domain(std::string_view text);

struct Address {
  std::string local;   // unquoted: the characters themselves, UTF-8; case kept (RFC 5321 §2.4)
  std::string domain;  // canonical

  // "local@domain" with the local part quoted where the grammar needs it.
  std::string text() const;
  bool needs_smtputf8() const;               // a byte above 127 in the local part
  std::optional<IpAddress> literal() const;  // the address of an address-literal domain
  auto operator<=>(const Address&) const = default;

  // Mailbox of RFC 5321 §4.1.2 (without angle brackets), RFC 6531 when it has UTF-8. Local part at most 64 octets,
  // domain at most 255, no control characters, no source route, no second '@' outside quotes.
  static Result<Address> parse(std::string_view text);
};

}  // namespace bulkhead::mail

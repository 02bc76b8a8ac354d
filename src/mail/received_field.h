// The Received field that this server prepends to each message (RFC 5321 §4.4).
#pragma once

#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::mail {

// What the field tells. `helo` is the peer's own claim and may hold anything; what is no part of a name becomes '?'.
struct Trail {
  std::string_view helo;
  IpAddress client;
  std::string_view node;
  IpAddress arrival;
  std::string_view protocol;  // "ESMTP", see with_protocol()
  std::string_view tls;       // "TLSv1.3 TLS_AES_256_GCM_SHA384", "" in clear
  MessageId id;
  std::string_view recipient;  // when there is exactly one and it may be shown, else ""
  UtcTime at;
};

// The "with" keyword: RFC 3848, RFC 6531 §4.3.
struct Carriage {
  bool is_extended = false;  // EHLO
  bool is_smtputf8 = false;
  bool is_tls = false;
  bool is_authenticated = false;
};
std::string_view with_protocol(Carriage carriage);

// The whole field, folded, with its CRLF.
std::string received_field(const Trail& trail);

}  // namespace bulkhead::mail

// The answer to EHLO (RFC 5321 §4.1.1.1): what this server offers on this connection, now.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/proto/smtp/reply.h"

namespace bulkhead::smtp {

struct Offer {
  std::string_view host;             // the server's name on this address
  std::uint64_t size_max = 0;        // SIZE (RFC 1870)
  std::uint32_t recipients_max = 0;  // LIMITS RCPTMAX (RFC 9422)
  std::uint32_t messages_max = 0;    // LIMITS MAILMAX; 0: not limited
  bool has_starttls = false;
  bool has_auth = false;
};

Reply ehlo_reply(const Offer& offer);

}  // namespace bulkhead::smtp

// What a remote server offers in its reply to EHLO, and how MAIL and RCPT are written to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/mail/envelope.h"
#include "src/proto/smtp/reply.h"

namespace bulkhead::smtp {

struct ClientExtensions {
  bool has_pipelining = false;  // RFC 2920
  bool has_8bitmime = false;    // RFC 6152
  bool has_smtputf8 = false;    // RFC 6531
  bool has_chunking = false;    // RFC 3030
  bool has_dsn = false;         // RFC 3461
  bool has_starttls = false;    // RFC 3207
  bool has_size = false;        // RFC 1870
  std::uint64_t size_max = 0;   // 0: none declared
  std::uint32_t rcpt_max = 0;   // RFC 9422, per transaction; 0: none declared
  std::uint32_t mail_max = 0;   // RFC 9422, transactions per connection; 0: none declared
};

// Reads the lines after the first. Unknown keywords and malformed values are passed over.
ClientExtensions parse_extensions(const Reply& ehlo_reply);

struct ClientRecipient {
  std::string address;  // as in the path, without angle brackets
  std::string orcpt;    // decoded: "rfc822;user@example", "" when absent
  mail::Notify notify;
};

// One mail transaction as the client speaks it.
struct ClientMail {
  std::string sender;  // "" for <>
  std::string envid;   // decoded
  mail::Ret ret = mail::Ret::kUnspecified;
  std::uint64_t size = 0;
  bool is_8bit = false;  // the body holds bytes above 127 and was declared so
  bool needs_smtputf8 = false;
  std::vector<ClientRecipient> recipients;
};

// Appends the command line with its CRLF and those parameters that the server offered to understand. Control
// characters, spaces outside of quotes and angle brackets cannot occur: an address that has any is written as "?",
// which the server refuses.
void append_mail_command(std::string& out, const ClientMail& mail, const ClientExtensions& offered);
void append_rcpt_command(std::string& out, const ClientRecipient& recipient, const ClientExtensions& offered);

}  // namespace bulkhead::smtp

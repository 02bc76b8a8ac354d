// The envelope of a message as SMTP carries it (RFC 5321 §2.3.1), with the DSN extension (RFC 3461).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/mail/address.h"

namespace bulkhead::mail {

// NOTIFY= of RFC 3461 §4.1 as bits; no bit set means "not given": failure and, by local choice, delay.
struct Notify {
  bool is_given = false;
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;
};

enum class Body : std::uint8_t { k7Bit, k8BitMime };
enum class Ret : std::uint8_t { kUnspecified, kFull, kHeaders };

struct Sender {
  std::optional<Address> address;  // nothing: the null reverse-path <>
  std::string envid;               // decoded xtext, "" when absent
  Ret ret = Ret::kUnspecified;
  Body body = Body::k7Bit;
  bool is_smtputf8 = false;
  bool requires_tls = false;  // reserved for RFC 8689

  std::string text() const { return address ? address->text() : std::string{}; }  // "" for <>
};

struct Recipient {
  Address address;
  std::string orcpt;  // decoded: "rfc822;user@example", "" when absent
  Notify notify;
};

struct Envelope {
  Sender sender;
  std::vector<Recipient> recipients;
};

}  // namespace bulkhead::mail

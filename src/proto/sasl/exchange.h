// The server's side of SASL PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), as values: decoded or encoded
// text in, a challenge or credentials out. Every length is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/secret.h"

namespace bulkhead::sasl {

struct Credentials {
  std::string user;
  Secret password;
};

struct Step {
  enum class Kind : std::uint8_t {
    kChallenge,    // send `challenge`, base64 already
    kCredentials,  // to be verified
    kCancelled,    // the client sent "*"
    kMalformed,    // no base64, or not what the mechanism wants; `error` says which
  } kind = Kind::kChallenge;
  std::string challenge;
  Credentials credentials;
  std::string_view error;
};

class Exchange {
 public:
  // `mechanism` in upper case; nothing for one that is not offered.
  static std::optional<Exchange> begin(std::string_view mechanism);
  // The first step; `initial` is the initial response as it came, "=" for an empty one, nothing when there was none.
  Step start(std::optional<std::string_view> initial);
  // A line of the client, encoded.
  Step respond(std::string_view line);

 private:
  enum class Mechanism : std::uint8_t { kPlain, kLogin };
  explicit Exchange(Mechanism mechanism) : mechanism_(mechanism) {}
  Step take(std::string decoded);
  Step take_plain(const std::string& decoded);
  Step take_login(std::string decoded);

  Mechanism mechanism_;
  std::optional<std::string> user_;  // LOGIN: already given
};

}  // namespace bulkhead::sasl

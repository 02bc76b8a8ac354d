#include "src/proto/sasl/exchange.h"

#include <utility>

#include "src/mail/base64.h"
#include "src/mail/utf8.h"

namespace bulkhead::sasl {

namespace {

constexpr std::size_t kUserSizeMax = 400;       // an address in UTF-8
constexpr std::size_t kPasswordSizeMax = 1024;  // longer ones only cost hashing time

Step malformed(std::string_view error) {
  return {Step::Kind::kMalformed, {}, {}, error};
}
Step challenge(std::string_view text) {
  return {Step::Kind::kChallenge, mail::encode_base64(text), {}, {}};
}

Step credentials(std::string user, std::string_view password) {
  if (user.empty() || user.size() > kUserSizeMax || !mail::is_printable_utf8(user)) {
    return malformed("The user name is empty, too long or not printable");
  }
  if (password.empty() || password.size() > kPasswordSizeMax || password.find('\0') != std::string_view::npos) {
    return malformed("The password is empty, too long or has a NUL");
  }
  return {Step::Kind::kCredentials, {}, {std::move(user), Secret{std::string{password}}}, {}};
}

}  // namespace

std::optional<Exchange> Exchange::begin(std::string_view mechanism) {
  if (mechanism == "PLAIN") return Exchange{Mechanism::kPlain};
  if (mechanism == "LOGIN") return Exchange{Mechanism::kLogin};
  return std::nullopt;
}

Step Exchange::start(std::optional<std::string_view> initial) {
  if (!initial) return challenge(mechanism_ == Mechanism::kLogin ? "Username:" : "");
  return *initial == "=" ? take({}) : respond(*initial);
}

Step Exchange::respond(std::string_view line) {
  if (line == "*") return {Step::Kind::kCancelled, {}, {}, {}};
  auto decoded = mail::decode_base64(line);
  if (!decoded) return malformed("The response is not base64");
  return take(std::move(*decoded));
}

Step Exchange::take(std::string decoded) {
  return mechanism_ == Mechanism::kPlain ? take_plain(decoded) : take_login(std::move(decoded));
}

Step Exchange::take_plain(const std::string& decoded) {
  const std::string_view text = decoded;
  const auto first = text.find('\0');
  const auto second = first == std::string_view::npos ? first : text.find('\0', first + 1);
  if (second == std::string_view::npos) return malformed("PLAIN needs an authorization id, a user and a password");
  const auto authorization = text.substr(0, first);
  const auto user = text.substr(first + 1, second - first - 1);
  // Nobody may act as somebody else (RFC 4616 §2 leaves it to the server).
  if (!authorization.empty() && authorization != user)
    return malformed("The authorization id must be empty or the user");
  return credentials(std::string{user}, text.substr(second + 1));
}

Step Exchange::take_login(std::string decoded) {
  if (user_) return credentials(*std::exchange(user_, std::nullopt), decoded);
  user_ = std::move(decoded);
  return challenge("Password:");
}

}  // namespace bulkhead::sasl

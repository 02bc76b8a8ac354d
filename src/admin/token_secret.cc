#include "src/admin/token_secret.h"

#include <array>
#include <span>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace bulkhead::admin {
namespace {

std::string hex(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Secret make_token_secret(Random& random) {
  std::array<char, 32> bytes{};
  random.fill(bytes);
  return Secret{"bh_" + hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()})};
}

std::string token_hash(std::string_view secret) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return hex(digest);
}

const tenants::Token* find_token(const tenants::Snapshot& snapshot, std::string_view secret, UtcTime now) {
  const auto hash = token_hash(secret);
  const tenants::Token* found = nullptr;
  for (const auto& token : snapshot.tokens()) {
    const bool is_same =
        token.hash.size() == hash.size() && CRYPTO_memcmp(token.hash.data(), hash.data(), hash.size()) == 0;
    if (is_same && (!token.expires_at || *token.expires_at > now)) found = &token;
  }
  return found;
}

}  // namespace bulkhead::admin

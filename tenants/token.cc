#include "tenants/token.h"

#include <array>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace bulkhead::tenants {

namespace {

constexpr std::size_t kSecretSize = 32;

// RFC 4648 §5, without padding.
std::string base64url(const std::array<char, kSecretSize>& bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned int bits = 0;
  int pending = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    for (pending += 8; pending >= 6; pending -= 6) text += kAlphabet[(bits >> (pending - 6)) & 0x3F];
  }
  if (pending > 0) text += kAlphabet[(bits << (6 - pending)) & 0x3F];
  return text;
}

}  // namespace

std::string token_hash(const Secret& secret) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_Digest(secret.reveal().data(), secret.reveal().size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 0xF];
  }
  return text;
}

NewToken make_token(std::string name, std::optional<TenantId> tenant, std::optional<UtcTime> expires_at,
                    Random& random) {
  std::array<char, kSecretSize> bytes{};
  random.fill(bytes);
  NewToken made{{}, Secret{base64url(bytes)}};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  made.token.name = std::move(name);
  made.token.hash = token_hash(made.secret);
  made.token.tenant = tenant;
  made.token.expires_at = expires_at;
  return made;
}

const Token* verify_token(const Snapshot& directory, const Secret& secret, UtcTime now) {
  const auto hash = token_hash(secret);
  const Token* match = nullptr;
  for (const auto& token : directory.tokens()) {
    const bool is_same =
        token.hash.size() == hash.size() && CRYPTO_memcmp(token.hash.data(), hash.data(), hash.size()) == 0;
    if (is_same) match = &token;
  }
  if (match == nullptr || (match->expires_at && *match->expires_at <= now)) return nullptr;
  return match;
}

}  // namespace bulkhead::tenants

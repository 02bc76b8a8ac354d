#include "src/webhook/signature.h"

#include <array>
#include <optional>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace bulkhead::webhook {

namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kKeyLeast = 24, kKeyMost = 64, kKeyMade = 32;

std::string to_base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > kKeyMost * 2) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::optional<std::string> key_of(const Secret& secret) {
  auto text = secret.reveal();
  if (!text.starts_with(kPrefix)) return std::nullopt;
  return from_base64(text.substr(kPrefix.size()));
}

}  // namespace

Secret make_secret(Random& random) {
  std::array<char, kKeyMade> bytes{};
  random.fill(bytes);
  return Secret{std::string{kPrefix} + to_base64(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())};
}

Status check_secret(const Secret& secret) {
  const auto key = key_of(secret);
  if (key && key->size() >= kKeyLeast && key->size() <= kKeyMost) return {};
  return fail(ErrorCode::kInvalid, "a webhook's secret is \"whsec_\" and 24 to 64 bytes in base 64",
              "make one with: echo whsec_$(openssl rand -base64 32)");
}

std::string sign(const Secret& secret, const Signed& message) {
  const Secret key{key_of(secret).value_or("")};
  const std::string content = fmt::format("{}.{}.{}", message.id, message.timestamp, message.body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.reveal().size()),
       reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data(), &size);
  return "v1," + to_base64(digest.data(), size);
}

}  // namespace bulkhead::webhook

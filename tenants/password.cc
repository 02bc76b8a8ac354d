#include "tenants/password.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <argon2.h>
#include <fmt/format.h>

#include "tenants/live_directory.h"

namespace bulkhead::tenants {

namespace {

// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
constexpr std::uint32_t kMemoryKib = 19456;
constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kHashSize = 32;
constexpr std::size_t kPasswordSizeMax = 1024;
constexpr std::size_t kPhcSizeMax = 512;
constexpr std::string_view kPrefix = "$argon2id$v=19$";

// Takes "NAME=number" from the front of `text`; nothing when it is not there or too great.
bool take_number(std::string_view& text, std::string_view name, std::uint32_t most) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number == 0 || number > most) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool is_base64(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

}  // namespace

bool is_acceptable_hash(std::string_view phc) {
  if (phc.size() > kPhcSizeMax || !phc.starts_with(kPrefix)) return false;
  phc.remove_prefix(kPrefix.size());
  if (!take_number(phc, "m=", 262144) || !take_number(phc, ",t=", 10) || !take_number(phc, ",p=", 4)) return false;
  if (!phc.starts_with('$')) return false;
  phc.remove_prefix(1);
  const auto dollar = phc.find('$');
  if (dollar == std::string_view::npos) return false;
  const auto salt = phc.substr(0, dollar);
  const auto hash = phc.substr(dollar + 1);
  // Base 64 without padding: 8 bytes of salt and 16 of hash at least.
  return salt.size() >= 11 && hash.size() >= 22 && is_base64(salt) && is_base64(hash);
}

std::string_view stand_in_hash() {
  return "$argon2id$v=19$m=19456,t=2,p=1$bm8gc3VjaCBhY2NvdW50IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

Result<std::string> hash_password(const Secret& password, Random& random) {
  const auto text = password.reveal();
  if (text.empty() || text.size() > kPasswordSizeMax) {
    return fail(ErrorCode::kInvalid, fmt::format("password must have 1 to {} bytes", kPasswordSizeMax));
  }
  std::array<char, kSaltSize> salt{};
  random.fill(salt);
  std::array<char, 160> encoded{};
  const int code = argon2id_hash_encoded(kPasses, kMemoryKib, kLanes, text.data(), text.size(), salt.data(),
                                         salt.size(), kHashSize, encoded.data(), encoded.size());
  if (code != ARGON2_OK) {
    return fail(ErrorCode::kUnavailable, fmt::format("cannot hash the password: {}", argon2_error_message(code)));
  }
  return std::string{encoded.data()};
}

bool verify_password(std::string_view phc, const Secret& password) {
  if (!is_acceptable_hash(phc) || password.reveal().size() > kPasswordSizeMax) return false;
  const std::string terminated{phc};
  return argon2id_verify(terminated.c_str(), password.reveal().data(), password.reveal().size()) == ARGON2_OK;
}

}  // namespace bulkhead::tenants

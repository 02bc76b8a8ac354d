#include "src/base/id.h"

#include <chrono>

#include "src/base/clock.h"
#include "src/base/random.h"

namespace bulkhead {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int crockford_value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto at = kCrockford.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Ulid make_ulid(const Clock& clock, Random& random) {
  Ulid ulid;
  const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch());
  const auto milliseconds = static_cast<std::uint64_t>(since_epoch.count());
  for (std::size_t i = 0; i < 6; ++i) ulid.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (8 * (5 - i)));
  random.fill({reinterpret_cast<char*>(ulid.bytes.data()) + 6, 10});
  return ulid;
}

std::string to_string(const Ulid& ulid) {
  // 128 bits in 26 digits of 5 bits: the first digit carries only 3.
  std::string text(26, '0');
  Wide value = 0;
  for (const std::uint8_t byte : ulid.bytes) value = (value << 8) | byte;
  for (std::size_t i = 26; i-- > 0;) {
    text[i] = kCrockford[static_cast<std::size_t>(value & 31)];
    value >>= 5;
  }
  return text;
}

std::optional<Ulid> parse_ulid(std::string_view text) {
  if (text.size() != 26 || text[0] > '7') return std::nullopt;
  Wide value = 0;
  for (const char c : text) {
    const int digit = crockford_value(c);
    if (digit < 0) return std::nullopt;
    value = (value << 5) | static_cast<unsigned>(digit);
  }
  Ulid ulid;
  for (std::size_t i = 16; i-- > 0;) {
    ulid.bytes[i] = static_cast<std::uint8_t>(value & 0xFF);
    value >>= 8;
  }
  return ulid;
}

}  // namespace bulkhead

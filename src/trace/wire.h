// Integers and text as the trace writes them: variable-length integers of 7 bits a byte (low bits first), fixed
// little-endian words, and a reader that never leaves its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bulkhead::trace {

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Small for small magnitudes of either sign.
inline void append_signed(std::string& out, std::int64_t value) {
  append_varint(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

inline void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out.append(text);
}

template <class T>
void append_fixed(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

inline std::string big_endian(std::uint64_t value) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (8 * (7 - i)));
  return out;
}

inline std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// Takes values off the front. After a failure `is_bad` stays true and every value is zero or empty.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = fixed<std::uint8_t>();
      if (is_bad_ || (shift == 63 && byte > 1)) break;
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    is_bad_ = true;
    return 0;
  }
  std::int64_t signed_varint() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  std::string_view bytes(std::uint64_t size) {
    if (is_bad_ || size > rest_.size()) {
      is_bad_ = true;
      return {};
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view text() { return bytes(varint()); }
  template <class T>
  T fixed() {
    T value = 0;
    const auto taken = bytes(sizeof(T));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(taken[i])) << (8 * i)));
    }
    return value;
  }

  bool is_bad() const { return is_bad_; }
  bool is_at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool is_bad_ = false;
};

}  // namespace bulkhead::trace

// Fixed-width integers as bytes: little-endian in values, big-endian in keys (so that keys sort as numbers do).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bulkhead::store {

namespace encoding_detail {
inline constexpr bool kIsLittle = std::endian::native == std::endian::little;
inline std::uint16_t swap(std::uint16_t v) {
  return __builtin_bswap16(v);
}
inline std::uint32_t swap(std::uint32_t v) {
  return __builtin_bswap32(v);
}
inline std::uint64_t swap(std::uint64_t v) {
  return __builtin_bswap64(v);
}
template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
}  // namespace encoding_detail

// The caller has checked that enough bytes are there.
template <class T>
T load_le(const char* from) {
  const T value = encoding_detail::load<T>(from);
  return encoding_detail::kIsLittle ? value : encoding_detail::swap(value);
}
template <class T>
T load_be(const char* from) {
  const T value = encoding_detail::load<T>(from);
  return encoding_detail::kIsLittle ? encoding_detail::swap(value) : value;
}
template <class T>
void store_le(char* to, T value) {
  if (!encoding_detail::kIsLittle) value = encoding_detail::swap(value);
  std::memcpy(to, &value, sizeof(T));
}
template <class T>
void append_le(std::string& out, T value) {
  encoding_detail::append(out, encoding_detail::kIsLittle ? value : encoding_detail::swap(value));
}
template <class T>
void append_be(std::string& out, T value) {
  encoding_detail::append(out, encoding_detail::kIsLittle ? encoding_detail::swap(value) : value);
}

// A counter of Batch::add as it is stored; anything but 8 bytes counts as 0.
inline std::int64_t decode_counter(std::string_view bytes) {
  return bytes.size() == 8 ? static_cast<std::int64_t>(load_le<std::uint64_t>(bytes.data())) : 0;
}

}  // namespace bulkhead::store

// The compact encoding of the queue's records: variable-length integers and strings with their length before them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::queue {

// Appends to a string that the caller owns.
class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : out_(out) {}

  void byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void number(std::uint64_t value) {  // LEB128
    while (value >= 0x80) {
      byte(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    byte(static_cast<std::uint8_t>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  template <class Tag>
  void id(const Id<Tag>& value) {
    out_.append(value.bytes());
  }
  void time(UtcTime value) { number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  void ip(const IpAddress& value) { text(value.bytes()); }

 private:
  std::string& out_;
};

// Reads what RecordWriter wrote. After the first impossible value everything reads as zero and is_good() is false.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {}

  bool is_good() const { return is_good_; }
  bool is_at_end() const { return rest_.empty(); }

  std::uint8_t byte() {
    const auto one = raw(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
      if ((next & 0x80) == 0) return is_good_ ? value : 0;
    }
    is_good_ = false;
    return 0;
  }
  std::string_view text() { return raw(number()); }
  template <class IdType>
  IdType id() {
    return IdType::from_bytes(raw(16));
  }
  UtcTime time() { return UtcTime{std::chrono::microseconds{static_cast<std::int64_t>(number())}}; }
  IpAddress ip();

 private:
  std::string_view raw(std::uint64_t size) {
    if (!is_good_ || size > rest_.size()) {
      is_good_ = false;
      return {};
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool is_good_ = true;
};

inline IpAddress RecordReader::ip() {
  const auto bytes = text();
  if (bytes.size() == 4) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), bytes.data(), v4.size());
    return IpAddress::v4(v4);
  }
  std::array<std::uint8_t, 16> v6{};
  if (bytes.size() != v6.size()) {
    is_good_ = false;
    return {};
  }
  std::memcpy(v6.data(), bytes.data(), v6.size());
  return IpAddress::v6(v6);
}

}  // namespace bulkhead::queue

// IP addresses and socket addresses as values, without any networking behind them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes IPv4 on construction, so that a
// peer looks the same on either kind of socket. Scope ids are not kept.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  static std::optional<IpAddress> parse(std::string_view text);  // "192.0.2.1", "2001:db8::1"; no brackets

  Family family() const { return is_v6_ ? Family::kIpv6 : Family::kIpv4; }
  // 4 or 16 bytes in network order.
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), is_v6_ ? 16U : 4U}; }
  std::string text() const;  // RFC 5952 for IPv6
  bool is_loopback() const;
  bool is_unspecified() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  bool is_v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

// A network in CIDR notation; the host bits of `address` are zero.
struct IpNetwork {
  IpAddress address;
  int prefix = 0;

  static std::optional<IpNetwork> parse(std::string_view text);  // a bare address is its own network
  bool contains(const IpAddress& ip) const;
  std::string text() const;
  auto operator<=>(const IpNetwork&) const = default;
};

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  static std::optional<SocketAddress> parse(std::string_view text);  // "192.0.2.1:25", "[2001:db8::1]:25"
  std::string text() const;
  auto operator<=>(const SocketAddress&) const = default;
};

}  // namespace bulkhead

template <>
struct std::hash<bulkhead::IpAddress> {
  std::size_t operator()(const bulkhead::IpAddress& ip) const noexcept {
    return std::hash<std::string_view>{}(ip.bytes());
  }
};
template <>
struct std::hash<bulkhead::SocketAddress> {
  std::size_t operator()(const bulkhead::SocketAddress& a) const noexcept {
    return std::hash<bulkhead::IpAddress>{}(a.ip) * 31 + a.port;
  }
};

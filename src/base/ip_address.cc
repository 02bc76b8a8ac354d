#include "src/base/ip_address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace bulkhead {

namespace {

std::optional<int> parse_number(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0 || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress ip;
  std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin());
  return ip;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress ip;
  ip.is_v6_ = true;
  ip.bytes_ = bytes;
  return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > 45) return std::nullopt;
  const std::string terminated{text};
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, terminated.c_str(), four.data()) == 1) return v4(four);
  std::array<std::uint8_t, 16> sixteen{};
  if (::inet_pton(AF_INET6, terminated.c_str(), sixteen.data()) == 1) return v6(sixteen);
  return std::nullopt;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  ::inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

bool IpAddress::is_loopback() const {
  if (!is_v6_) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](auto b) { return b == 0; });
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const int bits = static_cast<int>(ip->bytes().size()) * 8;
  int prefix = bits;
  if (slash != std::string_view::npos) {
    const auto number = parse_number(text.substr(slash + 1), bits);
    if (!number) return std::nullopt;
    prefix = *number;
  }
  std::array<std::uint8_t, 16> masked{};
  for (int i = 0; i < bits / 8; ++i) {
    const int kept = std::clamp(prefix - i * 8, 0, 8);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - kept));
    masked[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(static_cast<std::uint8_t>(ip->bytes()[static_cast<std::size_t>(i)]) & mask);
  }
  if (bits == 32) return IpNetwork{IpAddress::v4({masked[0], masked[1], masked[2], masked[3]}), prefix};
  return IpNetwork{IpAddress::v6(masked), prefix};
}

bool IpNetwork::contains(const IpAddress& ip) const {
  if (ip.family() != address.family()) return false;
  const auto mine = address.bytes();
  const auto theirs = ip.bytes();
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (mine.substr(0, whole) != theirs.substr(0, whole)) return false;
  const int rest = prefix % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xFF << (8 - rest));
  return ((static_cast<unsigned char>(mine[whole]) ^ static_cast<unsigned char>(theirs[whole])) & mask) == 0;
}

std::string IpNetwork::text() const {
  return address.text() + "/" + std::to_string(prefix);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const auto ip = IpAddress::parse(host);
  const auto port = parse_number(text.substr(colon + 1), 65535);
  if (!ip || !port) return std::nullopt;
  if (!is_bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  return SocketAddress{*ip, static_cast<std::uint16_t>(*port)};
}

std::string SocketAddress::text() const {
  const std::string host = ip.text();
  return (ip.family() == Family::kIpv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace bulkhead

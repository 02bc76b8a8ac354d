#include "src/net/sockaddr.h"

#include <array>
#include <cstring>

#include <netinet/in.h>

namespace bulkhead::net {

Sockaddr::Sockaddr(const SocketAddress& address) {
  const auto bytes = address.ip.bytes();
  if (address.ip.family() == Family::kIpv4) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(address.port);
    std::memcpy(&four.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &four, sizeof four);
    size = sizeof four;
  } else {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(address.port);
    std::memcpy(&six.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &six, sizeof six);
    size = sizeof six;
  }
}

SocketAddress Sockaddr::address() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &storage, sizeof four);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &four.sin_addr, bytes.size());
    return {IpAddress::v4(bytes), ntohs(four.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &storage, sizeof six);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return {IpAddress::v6(bytes), ntohs(six.sin6_port)};
  }
  return {};
}

SocketAddress local_address_of(int fd) {
  Sockaddr name;
  if (::getsockname(fd, name.get(), &name.size) != 0) return {};
  return name.address();
}

SocketAddress remote_address_of(int fd) {
  Sockaddr name;
  if (::getpeername(fd, name.get(), &name.size) != 0) return {};
  return name.address();
}

}  // namespace bulkhead::net

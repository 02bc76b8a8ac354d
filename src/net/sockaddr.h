// Conversion between our addresses and the kernel's, and an owned descriptor. Private to src/net.
#pragma once

#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "src/base/ip_address.h"

namespace bulkhead::net {

struct Sockaddr {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  Sockaddr() = default;
  explicit Sockaddr(const SocketAddress& address);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  // An unspecified address with port 0 for what is not IP (a Unix socket).
  SocketAddress address() const;
};

SocketAddress local_address_of(int fd);
SocketAddress remote_address_of(int fd);

// Closes the descriptor when it dies.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~OwnedFd() { reset(-1); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace bulkhead::net

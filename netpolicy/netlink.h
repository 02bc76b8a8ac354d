// The few words of rtnetlink that are spoken here: dumps of links and addresses, and their notifications.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_set>

#include <linux/rtnetlink.h>

#include "netpolicy/source_choice.h"
#include "src/base/result.h"

namespace bulkhead::netpolicy {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// A netlink socket; `groups` are the notifications it hears (RTMGRP_…), 0 for none.
Result<Descriptor> open_netlink(std::uint32_t groups);

// The addresses that a connection may leave from now. `socket` hears no notifications.
Result<HostAddresses> read_host_addresses(int socket);

// What a dump's messages say, in any number of pieces. Pure; never reads beyond a piece.
class AddressDump {
 public:
  // False when the bytes are not messages of rtnetlink.
  bool add(std::span<const char> piece);
  bool is_done() const { return is_done_; }
  bool is_torn() const { return is_torn_; }  // changed while it was read: to be read anew
  int error() const { return error_; }       // errno of the kernel's answer, 0 when none
  void begin_next() { is_done_ = false; }    // links first, then addresses
  HostAddresses take() { return std::move(addresses_); }

 private:
  void add_message(const nlmsghdr& header, std::span<const char> body);
  void add_link(std::span<const char> body);
  void add_address(std::span<const char> body);

  std::unordered_set<int> links_up_, loopbacks_;  // by interface index
  HostAddresses addresses_;
  bool is_done_ = false;
  bool is_torn_ = false;
  int error_ = 0;
};

}  // namespace bulkhead::netpolicy

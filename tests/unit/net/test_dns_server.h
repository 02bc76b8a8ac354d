// A DNS server on loopback, over UDP and TCP on one port, that answers whatever a test's function says.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/net/sockaddr.h"

namespace bulkhead::net {

// Builds wire format; names in answers are given in full and not compressed unless a test says so.
namespace dns {

inline std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}
inline std::string u32(unsigned value) {
  return u16(value >> 16U) + u16(value & 0xFFFFU);
}
inline std::string name(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto dot = std::min(text.find('.'), text.size());
    out += static_cast<char>(dot);
    out += text.substr(0, dot);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return out + '\0';
}
inline std::string record(const std::string& owner, unsigned type, unsigned ttl, const std::string& rdata) {
  return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(rdata.size())) + rdata;
}
inline const std::string kQuestionName{"\xC0\x0C", 2};  // pointer to the question's name

struct Reply {
  unsigned rcode = 0;
  bool is_truncated = false;
  std::vector<std::string> answers{}, authorities{};
};
// The query's question ends after its name, type and class; what follows (EDNS) is not repeated.
inline std::string question_of(const std::string& query) {
  std::size_t end = 12;
  while (end < query.size() && query[end] != 0) end += static_cast<unsigned char>(query[end]) + 1U;
  return query.substr(12, end + 5 - 12);
}
inline std::string encode(const std::string& query, const Reply& reply) {
  std::string out = query.substr(0, 2) + u16(0x8180U | (reply.is_truncated ? 0x0200U : 0U) | reply.rcode) + u16(1) +
                    u16(static_cast<unsigned>(reply.answers.size())) +
                    u16(static_cast<unsigned>(reply.authorities.size())) + u16(0) + question_of(query);
  for (const auto& answer : reply.answers) out += answer;
  for (const auto& authority : reply.authorities) out += authority;
  return out;
}

}  // namespace dns

class TestDnsServer {
 public:
  // Given the query's bytes, returns the messages to send back, none for silence. Runs on the server's thread.
  using Answer = std::function<std::vector<std::string>(const std::string& query, bool is_tcp)>;

  explicit TestDnsServer(Answer answer) : answer_(std::move(answer)) {
    bind_both();
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  }
  ~TestDnsServer() {
    thread_.request_stop();
    thread_.join();
  }
  std::string address() const { return address_.text(); }
  int queries() const { return queries_; }
  std::vector<std::uint16_t> client_ports() const {
    const std::lock_guard lock{mutex_};
    return ports_;
  }

 private:
  void bind_both() {
    // The port must be free for both protocols; the kernel picks it for one.
    while (!tcp_.is_open()) {
      udp_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const Sockaddr any{SocketAddress{*IpAddress::parse("127.0.0.1"), 0}};
      ::bind(udp_.get(), any.get(), any.size);
      address_ = local_address_of(udp_.get());
      OwnedFd tcp{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      const Sockaddr same{address_};
      if (::bind(tcp.get(), same.get(), same.size) == 0 && ::listen(tcp.get(), 8) == 0) tcp_ = std::move(tcp);
    }
  }
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::array<pollfd, 2> fds{{{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), 10);
      if (fds[0].revents != 0) serve_udp();
      if (fds[1].revents != 0) serve_tcp();
    }
  }
  void serve_udp() {
    std::string query(1500, '\0');
    Sockaddr peer;
    const auto got = ::recvfrom(udp_.get(), query.data(), query.size(), 0, peer.get(), &peer.size);
    if (got < 12) return;
    query.resize(static_cast<std::size_t>(got));
    {
      const std::lock_guard lock{mutex_};
      ports_.push_back(peer.address().port);
    }
    ++queries_;
    for (const auto& message : answer_(query, false)) {
      ::sendto(udp_.get(), message.data(), message.size(), 0, peer.get(), peer.size);
    }
  }
  void serve_tcp() {
    const OwnedFd client{::accept(tcp_.get(), nullptr, nullptr)};
    std::string size(2, '\0');
    if (::recv(client.get(), size.data(), 2, MSG_WAITALL) != 2) return;
    std::string query(static_cast<unsigned char>(size[0]) * 256U + static_cast<unsigned char>(size[1]), '\0');
    ::recv(client.get(), query.data(), query.size(), MSG_WAITALL);
    ++queries_;
    for (const auto& message : answer_(query, true)) {
      const std::string framed = dns::u16(static_cast<unsigned>(message.size())) + message;
      ::send(client.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    }
    // The client closes when it has read everything.
    char byte = 0;
    ::recv(client.get(), &byte, 1, 0);
  }

  Answer answer_;
  OwnedFd udp_, tcp_;
  SocketAddress address_;
  mutable std::mutex mutex_;
  std::vector<std::uint16_t> ports_;  // guarded by mutex_
  std::atomic<int> queries_ = 0;
  std::jthread thread_;
};

}  // namespace bulkhead::net

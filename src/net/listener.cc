#include "src/net/listener.h"

#include <atomic>
#include <cerrno>
#include <cstring>

#include <asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "src/net/socket_stream.h"

namespace bulkhead::net {

namespace {

constexpr int kBacklog = 4096;
// So many are accepted before other work of the shard gets its turn.
constexpr int kAcceptsMax = 64;
constexpr std::chrono::milliseconds kExhaustedPause{50};

// Closed to make room for one accept() when descriptors have run out: without it the connection would stay in the
// backlog, the socket readable, and the loop would spin.
OwnedFd open_reserve() {
  return OwnedFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

class SocketListener final : public Listener {
 public:
  SocketListener(Shard& shard, OwnedFd fd, OnAccept on_accept, Log* log)
      : shard_(shard),
        local_(local_address_of(fd.get())),
        descriptor_(shard.impl().io, fd.release()),
        pause_(shard.impl().io),
        on_accept_(std::move(on_accept)),
        log_(log),
        reserve_(open_reserve()) {}
  ~SocketListener() override { SocketListener::stop(); }

  void unlink_at_stop(std::string path) { path_ = std::move(path); }
  SocketAddress local() const override { return local_; }
  void start() override { wait(); }
  void stop() override;
  std::uint64_t refused() const override { return refused_->load(std::memory_order_relaxed); }

 private:
  void wait();
  void accept_waiting();
  void pause();
  void refuse_one();

  Shard& shard_;
  SocketAddress local_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer pause_;
  OnAccept on_accept_;
  Log* log_;
  OwnedFd reserve_;
  std::string path_;
  std::shared_ptr<std::atomic<std::uint64_t>> refused_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  SteadyTime last_told_{};
};

void SocketListener::wait() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this, alive = is_alive_](const asio::error_code& error) {
                           if (*alive && !error) accept_waiting();
                         });
}

void SocketListener::accept_waiting() {
  const auto alive = is_alive_;
  for (int i = 0; i < kAcceptsMax; ++i) {
    Sockaddr peer;
    const int fd = ::accept4(descriptor_.native_handle(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) break;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      refuse_one();
      pause();
      return;
    }
    // Whatever else accept reports (ECONNABORTED, network errors) concerns that one connection (accept(2)).
    if (fd < 0) continue;
    on_accept_(std::make_unique<SocketStream>(shard_, OwnedFd{fd}, peer.address()));
    if (!*alive) return;  // on_accept stopped us
  }
  wait();
}

void SocketListener::pause() {
  pause_.expires_after(kExhaustedPause);
  pause_.async_wait([this, alive = is_alive_](const asio::error_code& error) {
    if (*alive && !error) accept_waiting();
  });
}

void SocketListener::refuse_one() {
  reserve_.reset(-1);
  OwnedFd refused{::accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (refused.is_open()) refused_->fetch_add(1, std::memory_order_relaxed);
  refused.reset(-1);
  reserve_ = open_reserve();
  const auto now = std::chrono::steady_clock::now();
  if (log_ != nullptr && now - last_told_ > std::chrono::seconds{1}) {
    last_told_ = now;
    log_->error("no descriptor is left for connections to {}; raise the limit of open files (LimitNOFILE)",
                local_.text());
  }
}

void SocketListener::stop() {
  if (!*is_alive_) return;
  *is_alive_ = false;
  asio::error_code ignored;
  descriptor_.close(ignored);
  pause_.cancel();
  if (!path_.empty()) ::unlink(path_.c_str());
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  // These options exist on every kernel that we run on; bind() or listen() reports what really matters.
  ::setsockopt(fd, level, name, &on, sizeof on);
}

Error bind_error(const SocketAddress& endpoint, int number) {
  Error error = system_error("cannot listen on", endpoint.text(), number);
  switch (number) {
    case EADDRINUSE:
      error.code = ErrorCode::kConflict;
      error.advice =
          "another program uses this port; find it with: ss -ltnp 'sport = :" + std::to_string(endpoint.port) + "'";
      break;
    case EACCES:
      error.code = ErrorCode::kForbidden;
      error.advice = "ports below 1024 need root at the start, or the capability CAP_NET_BIND_SERVICE";
      break;
    case EADDRNOTAVAIL:
      error.code = ErrorCode::kConflict;
      error.advice = "this host has no such address; see: ip address show";
      break;
    default:
      break;
  }
  return error;
}

// Whether a server still answers on the socket file.
bool is_served(const sockaddr_un& name) {
  const OwnedFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno == EAGAIN;
}

Status bind_unix(int fd, const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path) {
    return fail(ErrorCode::kInvalid, "the socket path " + path + " is empty or longer than 107 bytes");
  }
  std::memcpy(name.sun_path, path.data(), path.size());
  struct stat existing {};
  if (::lstat(path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) {
      return fail(ErrorCode::kConflict, path + " exists and is no socket", "remove it or choose another path");
    }
    if (is_served(name)) {
      return fail(ErrorCode::kConflict, "another program serves the socket " + path, "stop it or choose another path");
    }
    ::unlink(path.c_str());
  }
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    Error error = system_error("cannot listen on", path, errno);
    error.advice = "its directory must exist and be writable for the server's user";
    return fail(std::move(error));
  }
  // The peer's uid is the credential, so anybody may connect.
  if (::chmod(path.c_str(), 0666) != 0 || ::listen(fd, kBacklog) != 0) {
    return fail(system_error("cannot listen on", path, errno));
  }
  return {};
}

}  // namespace

Status Listener::check_free(const SocketAddress& endpoint) {
  const bool is_v6 = endpoint.ip.family() == Family::kIpv6;
  OwnedFd fd{::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd.is_open()) return fail(bind_error(endpoint, errno));
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (is_v6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  const Sockaddr name{endpoint};
  if (::bind(fd.get(), name.get(), name.size) != 0) return fail(bind_error(endpoint, errno));
  return {};
}

Result<std::unique_ptr<Listener>> Listener::tcp(Shard& shard, const SocketAddress& endpoint, OnAccept on_accept,
                                                Log* log) {
  const bool is_v6 = endpoint.ip.family() == Family::kIpv6;
  OwnedFd fd{::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd.is_open()) return fail(bind_error(endpoint, errno));
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  // Accepted sockets inherit it: no call per connection.
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (is_v6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  const Sockaddr name{endpoint};
  if (::bind(fd.get(), name.get(), name.size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return fail(bind_error(endpoint, errno));
  }
  return std::make_unique<SocketListener>(shard, std::move(fd), std::move(on_accept), log);
}

Result<std::unique_ptr<Listener>> Listener::unix_socket(Shard& shard, const std::string& path, OnAccept on_accept) {
  OwnedFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd.is_open()) return fail(system_error("socket", path, errno));
  if (auto bound = bind_unix(fd.get(), path); !bound) return fail(std::move(bound.error()));
  auto listener = std::make_unique<SocketListener>(shard, std::move(fd), std::move(on_accept), nullptr);
  listener->unlink_at_stop(path);
  return listener;
}

std::optional<UnixPeer> unix_peer(const Stream& stream) {
  const auto* socket = dynamic_cast<const SocketStream*>(&stream);
  return socket == nullptr ? std::nullopt : socket->unix_peer();
}

}  // namespace bulkhead::net

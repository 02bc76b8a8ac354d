#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "src/net/listener.h"
#include "src/net/socket_stream.h"

namespace bulkhead::net {

namespace {

Status set_option(int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
  return fail(system_error("setsockopt", std::to_string(name), errno));
}

Status mark_socket(int fd, unsigned mark) {
  if (auto status = set_option(fd, SOL_SOCKET, SO_MARK, static_cast<int>(mark)); status) return {};
  return fail(ErrorCode::kForbidden, "the server may not mark its sockets",
              "it needs CAP_NET_RAW, or CAP_NET_ADMIN before Linux 5.17; see docs/howto/firewall.md");
}

// A socket bound to the source, or the reason why it must not be used.
Result<OwnedFd> open_bound(const SocketAddress& remote, const ConnectOptions& options) {
  const bool is_v6 = remote.ip.family() == Family::kIpv6;
  OwnedFd fd{::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd.is_open()) return fail(system_error("socket", remote.text(), errno));
  if (auto status = set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1); !status) return fail(status.error());
  if (options.mark != 0) {
    if (auto marked = mark_socket(fd.get(), options.mark); !marked) return fail(marked.error());
  }
  if (!options.source) return fd;
  if (options.source->family() != remote.ip.family() || options.source->is_unspecified()) {
    return fail(ErrorCode::kConflict,
                "the source address " + options.source->text() + " cannot reach " + remote.text());
  }
  // The port is chosen by connect(), per destination: otherwise 28,000 connections would exhaust an address. The
  // option is of level IPPROTO_IP for both families (ip(7)).
  if (auto status = set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); !status) return fail(status.error());
  const Sockaddr name{SocketAddress{*options.source, 0}};
  if (::bind(fd.get(), name.get(), name.size) != 0) {
    Error error = system_error("cannot bind to the source address", options.source->text(), errno);
    error.code = ErrorCode::kConflict;
    error.advice = "the address must be present on this host; see: ip address show";
    return fail(std::move(error));
  }
  return fd;
}

Error connect_error(const SocketAddress& remote, int number) {
  Error error = system_error("cannot connect to", remote.text(), number);
  switch (number) {
    case ETIMEDOUT:
      error.code = ErrorCode::kTimeout;
      break;
    // A port is missing, not the address: bind() has already accepted that.
    default:
      error.code = ErrorCode::kUnavailable;
      break;
  }
  return error;
}

Task<Status> wait_connected(SocketStream& stream, SteadyTime deadline, TaskGroup* group) {
  if (group == nullptr) co_return co_await stream.transport().wait_writable(deadline);
  const TaskGroup::CancelHook hook{*group, [&stream] { stream.cancel(); }};
  if (group->is_cancelled()) co_return fail(ErrorCode::kCancelled, "connecting was cancelled");
  co_return co_await stream.transport().wait_writable(deadline);
}

}  // namespace

Status may_mark_sockets() {
  const OwnedFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd.is_open()) return fail(system_error("socket", "to try its mark", errno));
  return mark_socket(fd.get(), 1);
}

Task<Result<std::unique_ptr<Stream>>> connect(Shard& shard, SocketAddress remote, ConnectOptions options) {
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  auto fd = open_bound(remote, options);
  if (!fd) co_return fail(std::move(fd.error()));
  const Sockaddr name{remote};
  const int started = ::connect(fd->get(), name.get(), name.size);
  if (started != 0 && errno != EINPROGRESS) co_return fail(connect_error(remote, errno));
  auto stream = std::make_unique<SocketStream>(shard, std::move(*fd), remote);
  if (started != 0) {
    auto status = co_await wait_connected(*stream, deadline, options.group);
    if (!status && status.error().code == ErrorCode::kTimeout) {
      co_return fail(ErrorCode::kTimeout, "connecting to " + remote.text() + " took too long");
    }
    if (!status) co_return fail(std::move(status.error()));
    int number = 0;
    socklen_t size = sizeof number;
    ::getsockopt(stream->transport().fd(), SOL_SOCKET, SO_ERROR, &number, &size);
    if (number != 0) co_return fail(connect_error(remote, number));
  }
  if (options.source && stream->local().ip != *options.source) {
    co_return fail(ErrorCode::kConflict, "the connection to " + remote.text() + " left from " +
                                             stream->local().ip.text() + " instead of " + options.source->text());
  }
  co_return std::unique_ptr<Stream>{std::move(stream)};
}

}  // namespace bulkhead::net

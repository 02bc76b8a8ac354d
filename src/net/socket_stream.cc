#include "src/net/socket_stream.h"

#include <sys/socket.h>

namespace bulkhead::net {

namespace {

SteadyTime after(std::chrono::milliseconds timeout) {
  return std::chrono::steady_clock::now() + timeout;
}

}  // namespace

SocketStream::SocketStream(Shard& shard, OwnedFd fd, SocketAddress remote)
    : transport_(shard, std::move(fd)), remote_(remote) {}

SocketStream::~SocketStream() {
  close();
}

Task<Result<std::size_t>> SocketStream::read_some(std::span<char> buffer, std::chrono::milliseconds timeout) {
  return transport_.read_some(buffer, after(timeout));
}

Task<Status> SocketStream::write_all(std::string_view bytes, std::chrono::milliseconds timeout) {
  return transport_.write_all(Outgoing{bytes}, after(timeout));
}

Task<Status> SocketStream::write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds timeout) {
  return transport_.write_all(Outgoing{pieces}, after(timeout));
}

Task<Status> SocketStream::start_tls_server(const TlsServerContexts&, std::chrono::milliseconds) {
  co_return fail(ErrorCode::kUnavailable, "this build has no TLS");
}

Task<Status> SocketStream::start_tls_client(const TlsClientPolicy&, std::chrono::milliseconds) {
  co_return fail(ErrorCode::kUnavailable, "this build has no TLS");
}

const TlsSession* SocketStream::tls() const {
  return nullptr;
}

SocketAddress SocketStream::local() const {
  if (!local_) local_ = transport_.is_open() ? local_address_of(transport_.fd()) : SocketAddress{};
  return *local_;
}

bool SocketStream::is_readable_now() const {
  return transport_.is_readable_now();
}

void SocketStream::close() {
  transport_.close();
}

std::optional<UnixPeer> SocketStream::unix_peer() const {
  if (!transport_.is_open()) return std::nullopt;
  sockaddr_storage name{};
  socklen_t name_size = sizeof name;
  if (::getsockname(transport_.fd(), reinterpret_cast<sockaddr*>(&name), &name_size) != 0) return std::nullopt;
  if (name.ss_family != AF_UNIX) return std::nullopt;
  ucred credential{};
  socklen_t size = sizeof credential;
  if (::getsockopt(transport_.fd(), SOL_SOCKET, SO_PEERCRED, &credential, &size) != 0) return std::nullopt;
  return UnixPeer{credential.uid, credential.pid};
}

}  // namespace bulkhead::net

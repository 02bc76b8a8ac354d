#include "src/net/socket_stream.h"

#include <sys/socket.h>

#include "src/net/tls_clients.h"
#include "src/net/tls_server.h"

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
  if (tls_) return tls_->read_some(buffer, after(timeout));
  return transport_.read_some(buffer, after(timeout));
}

Task<Status> SocketStream::write_all(std::string_view bytes, std::chrono::milliseconds timeout) {
  if (tls_) return tls_->write_all(Outgoing{bytes}, after(timeout));
  return transport_.write_all(Outgoing{bytes}, after(timeout));
}

Task<Status> SocketStream::write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds timeout) {
  if (tls_) return tls_->write_all(Outgoing{pieces}, after(timeout));
  return transport_.write_all(Outgoing{pieces}, after(timeout));
}

Task<Status> SocketStream::start_tls_server(const TlsServerContexts& contexts, std::chrono::milliseconds timeout) {
  if (tls_) co_return fail(ErrorCode::kConflict, "the connection uses TLS already");
  SslPtr ssl{SSL_new(contexts.impl().context.get())};
  if (!ssl) co_return fail(ErrorCode::kUnavailable, "cannot make a TLS connection: " + take_openssl_error());
  SSL_set_accept_state(ssl.get());
  tls_ = std::make_unique<TlsChannel>(transport_, std::move(ssl), local());
  co_return co_await tls_->handshake(after(timeout));
}

Task<Status> SocketStream::start_tls_client(const TlsClientPolicy& policy, std::chrono::milliseconds timeout) {
  if (tls_) co_return fail(ErrorCode::kConflict, "the connection uses TLS already");
  auto& clients = transport_.shard().impl().tls_clients;
  if (!clients) clients = std::make_unique<TlsClients>();
  auto ssl = clients->make(policy);
  if (!ssl) co_return fail(std::move(ssl.error()));
  tls_ = std::make_unique<TlsChannel>(transport_, std::move(*ssl), local());
  tls_->keep_sessions_in(clients->sessions(), TlsClients::cache_key(policy));
  co_return co_await tls_->handshake(after(timeout));
}

const TlsSession* SocketStream::tls() const {
  return tls_ ? tls_->session() : nullptr;
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

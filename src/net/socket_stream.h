// The Stream over a socket, in clear or with TLS on top. Private to src/net.
#pragma once

#include "src/net/listener.h"
#include "src/net/stream.h"
#include "src/net/tls_channel.h"
#include "src/net/transport.h"

namespace bulkhead::net {

class SocketStream final : public Stream {
 public:
  SocketStream(Shard& shard, OwnedFd fd, SocketAddress remote);
  ~SocketStream() override;

  Task<Result<std::size_t>> read_some(std::span<char> buffer, std::chrono::milliseconds timeout) override;
  Task<Status> write_all(std::string_view bytes, std::chrono::milliseconds timeout) override;
  Task<Status> write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds timeout) override;
  Task<Status> start_tls_server(const TlsServerContexts& contexts, std::chrono::milliseconds timeout) override;
  Task<Status> start_tls_client(const TlsClientPolicy& policy, std::chrono::milliseconds timeout) override;
  const TlsSession* tls() const override;
  SocketAddress local() const override;
  SocketAddress remote() const override { return remote_; }
  bool is_readable_now() const override;
  void cancel() override { transport_.cancel(); }
  void close() override;

  Transport& transport() { return transport_; }
  std::optional<UnixPeer> unix_peer() const;

 private:
  mutable Transport transport_;
  std::unique_ptr<TlsChannel> tls_;  // set from the start of a handshake: nothing goes in clear after that
  SocketAddress remote_;
  mutable std::optional<SocketAddress> local_;  // asked for once
};

}  // namespace bulkhead::net

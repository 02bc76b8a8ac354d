// Accepts connections on one shard. Each shard has its own SO_REUSEPORT socket for the same endpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/net/shard.h"
#include "src/net/stream.h"

namespace bulkhead::net {

struct UnixPeer {  // SO_PEERCRED
  unsigned uid = 0;
  int pid = 0;
};

class Listener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<Stream>)>;
  // kConflict when somebody listens on the endpoint, another server of the same user included: sockets that share a
  // port, as those of the shards do, would take each other's connections. To be asked before the first is bound.
  static Status check_free(const SocketAddress& endpoint);
  // Binds and listens; the error names the address and says what to do (port in use, no permission).
  // "[::]" sockets are IPv6 only, so that the IPv4 wildcard can be bound beside them. For port 0 on several shards: the
  // first binds, the others are given its local(). When descriptors run out, new connections are closed at once
  // (rather than left hanging), counted in refused(), and `log`, if given, is told once a second at most.
  static Result<std::unique_ptr<Listener>> tcp(Shard& shard, const SocketAddress& endpoint, OnAccept on_accept,
                                               Log* log = nullptr);
  // A Unix socket with mode 0666: its peers' uid is the credential and is checked per request. A socket file that
  // nobody serves any more is replaced; stop() removes ours.
  static Result<std::unique_ptr<Listener>> unix_socket(Shard& shard, const std::string& path, OnAccept on_accept);
  virtual ~Listener() = default;
  virtual SocketAddress local() const = 0;    // with the real port when 0 was asked for
  virtual void start() = 0;                   // begins to accept; on the shard or before the runtime starts
  virtual void stop() = 0;                    // stops accepting and closes; on the shard, or with the shard at rest
  virtual std::uint64_t refused() const = 0;  // connections closed for want of descriptors; any thread
};

// The credential of a stream accepted on a Unix socket; nothing on others.
std::optional<UnixPeer> unix_peer(const Stream& stream);

struct ConnectOptions {
  std::optional<IpAddress> source{};  // bound with IP_BIND_ADDRESS_NO_PORT before connecting; never IP_FREEBIND
  std::chrono::milliseconds timeout{30000};
  unsigned mark = 0;           // SO_MARK when not 0; not permitted: kForbidden, and nothing is opened
  TaskGroup* group = nullptr;  // its cancel() ends the attempt with kCancelled
};
// Connects from the given source address, and from no other: when the bind fails, or getsockname() afterwards shows
// another address, the connection is closed and the error is kConflict. Without a source the kernel chooses: only for
// tests and clients of the API, never for mail. On the shard.
Task<Result<std::unique_ptr<Stream>>> connect(Shard& shard, SocketAddress remote, ConnectOptions options);

// Whether the calling thread may set ConnectOptions::mark.
Status may_mark_sockets();

}  // namespace bulkhead::net

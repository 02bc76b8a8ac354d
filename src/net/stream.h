// A bidirectional byte stream with deadlines: TCP, TLS over TCP, or a Unix socket; in tests, memory.
//
// A stream lives and dies on one shard; no call is thread-safe. At most one read and one write may be pending.
// Every wait has a deadline; passing it yields kTimeout and leaves the stream usable only for close().
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/base/task.h"

namespace bulkhead::net {

class TlsServerContexts;
struct TlsClientPolicy;

// What TLS agreed upon, for the trace, the Received field and policy.
struct TlsSession {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // IANA name, as OpenSSL gives it
  int bits = 0;
  std::string server_name;   // SNI that was asked for
  bool is_verified = false;  // the peer's certificate chain and name were verified (client side)
  bool is_resumed = false;
  std::string text() const { return version + " " + cipher; }
};

class Stream {
 public:
  virtual ~Stream() = default;

  // Reads at least one byte. 0 means that the peer closed its side in an orderly way.
  virtual Task<Result<std::size_t>> read_some(std::span<char> buffer, std::chrono::milliseconds timeout) = 0;
  // Writes all of `bytes`; the caller keeps them alive. The timeout is for the whole call.
  virtual Task<Status> write_all(std::string_view bytes, std::chrono::milliseconds timeout) = 0;
  // Writes the pieces in order, as one gathered write where the transport can.
  virtual Task<Status> write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds timeout) = 0;

  // Server side of a TLS handshake. `contexts` chooses the certificate by SNI and arrival address.
  virtual Task<Status> start_tls_server(const TlsServerContexts& contexts, std::chrono::milliseconds timeout) = 0;
  // Client side. The policy says which name is expected and whether a failure of verification is fatal.
  virtual Task<Status> start_tls_client(const TlsClientPolicy& policy, std::chrono::milliseconds timeout) = 0;
  virtual const TlsSession* tls() const = 0;  // null while in clear

  virtual SocketAddress local() const = 0;  // getsockname(): on an accepted stream the arrival address
  virtual SocketAddress remote() const = 0;
  virtual bool is_readable_now() const = 0;  // bytes (or the end) wait unread: for STARTTLS injection and early talkers

  // Makes a pending read or write end with kCancelled, and every later read too: a cancel is never lost. Later writes
  // still go out, so that a goodbye can be said. Resumes nobody before it returns.
  virtual void cancel() = 0;
  // Closes at once. TLS sends close_notify without waiting for the peer's. Idempotent.
  virtual void close() = 0;
};

}  // namespace bulkhead::net

// The HTTP connections of one shard: accepted on TCP, TLS or the Unix socket, bounded in number.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "src/admin/http_session.h"
#include "src/base/log.h"
#include "src/net/tls.h"

namespace bulkhead::admin {

// Lives on one shard: `Listener::tcp(shard, endpoint, [&server](auto stream) { server.accept(std::move(stream)); })`.
class HttpServer {
 public:
  struct Options {
    HttpSessionOptions session;
    std::size_t connections_max = 200;                 // further ones are closed at once
    const net::TlsServerContexts* tls = nullptr;       // connections begin with a TLS handshake; outlives the server
    std::function<void(bool is_done)> on_handshake{};  // for the metrics; may be empty
  };
  struct Parts {  // all outlive the server
    net::Shard& shard;
    HttpHandler& handler;
    const Clock& clock;
    Log& log;
  };
  HttpServer(Parts parts, Options options);

  void accept(std::unique_ptr<net::Stream> stream);  // on the shard
  Task<void> stop();                                 // ends the sessions and waits for them; on the shard
  std::uint64_t sessions() const { return sessions_.load(std::memory_order_relaxed); }        // any thread
  std::uint64_t turned_away() const { return turned_away_.load(std::memory_order_relaxed); }  // any thread

 private:
  Task<void> serve(std::unique_ptr<net::Stream> stream);
  Task<bool> handshake(net::Stream& stream);

  Parts parts_;
  Options options_;
  net::TaskGroup group_;
  std::atomic<std::uint64_t> sessions_{0};
  std::atomic<std::uint64_t> turned_away_{0};
};

}  // namespace bulkhead::admin

// The HTTP connections of one shard: accepted on TCP, TLS or the Unix socket, bounded in number.
//
// A peer that does not send its request keeps nobody else out: when every seat is taken, the connection that has waited
// the longest without a whole request makes room for the newcomer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
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
    std::size_t connections_max = 200;
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
  // Any thread.
  std::uint64_t sessions() const { return sessions_.load(std::memory_order_relaxed); }
  std::uint64_t turned_away() const { return turned_away_.load(std::memory_order_relaxed); }  // all others were at work
  std::uint64_t cut_off() const { return cut_off_.load(std::memory_order_relaxed); }          // made room for another

 private:
  // A connection, and its place in the line of those that have not sent a whole request.
  struct Seat {
    net::Stream& stream;
    std::list<Seat*>::iterator at{};
    bool is_waiting = false;
    bool is_cut_off = false;  // it ends in a moment
  };
  Task<void> serve(std::unique_ptr<net::Stream> stream);
  Task<bool> handshake(net::Stream& stream);
  bool make_room();
  void set_waiting(Seat& seat, bool is_waiting);

  Parts parts_;
  Options options_;
  net::TaskGroup group_;
  std::list<Seat*> waiting_;  // the longest first
  std::size_t leaving_ = 0;   // that were cut off and have not ended yet
  std::atomic<std::uint64_t> sessions_{0};
  std::atomic<std::uint64_t> turned_away_{0}, cut_off_{0};
};

}  // namespace bulkhead::admin

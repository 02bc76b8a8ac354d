// The HTTP connections of one shard: accepted on TCP, TLS or the Unix socket, bounded in number.
//
// A peer that does not send its request keeps nobody else out: when every seat is taken, a connection without a whole
// request makes room for the newcomer; of the peer that has the most seats the one that has waited the longest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

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
  using Peers = std::map<std::string, std::size_t>;  // how many seats each has; an IPv6 client is its /64
  // A connection for as long as it lives, and its place in the line of those that have not sent a whole request.
  class Seat {
   public:
    Seat(HttpServer& server, net::Stream& stream);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    void set_waiting(bool is_waiting);
    void cut_off();  // it ends in a moment
    std::size_t seats_of_peer() const { return peer_->second; }

   private:
    void leave_peer();

    HttpServer& server_;
    net::Stream& stream_;
    Peers::iterator peer_;
    std::list<Seat*>::iterator at_{};
    bool is_waiting_ = false;
    bool is_cut_off_ = false;
  };
  Task<void> serve(std::unique_ptr<net::Stream> stream);
  Task<bool> handshake(net::Stream& stream);
  bool make_room();

  Parts parts_;
  Options options_;
  net::TaskGroup group_;
  Peers peers_;               // without those that were cut off
  std::list<Seat*> waiting_;  // the longest first
  std::size_t leaving_ = 0;   // that were cut off and have not ended yet
  std::atomic<std::uint64_t> sessions_{0};
  std::atomic<std::uint64_t> turned_away_{0}, cut_off_{0};
};

}  // namespace bulkhead::admin

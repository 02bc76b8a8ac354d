#include "src/admin/http_server.h"

#include <algorithm>

namespace bulkhead::admin {

namespace {

constexpr std::size_t kLeavingMax = 4;  // for each seat, in one turn of the loop

std::string peer_of(const net::Stream& stream) {
  const auto address = stream.remote().ip;
  const std::string bytes{address.bytes()};
  return address.family() == Family::kIpv6 ? bytes.substr(0, 8) : bytes;
}

}  // namespace

HttpServer::Seat::Seat(HttpServer& server, net::Stream& stream)
    : server_(server), stream_(stream), peer_(server.peers_.try_emplace(peer_of(stream), 0).first) {
  ++peer_->second;
  server_.sessions_.fetch_add(1, std::memory_order_relaxed);
  set_waiting(true);
}

HttpServer::Seat::~Seat() {
  set_waiting(false);
  if (is_cut_off_) {
    --server_.leaving_;
  } else {
    leave_peer();
  }
  server_.sessions_.fetch_sub(1, std::memory_order_relaxed);
}

void HttpServer::Seat::leave_peer() {
  if (--peer_->second == 0) server_.peers_.erase(peer_);
}

void HttpServer::Seat::set_waiting(bool is_waiting) {
  if (is_waiting_ == is_waiting || is_cut_off_) return;
  is_waiting_ = is_waiting;
  if (is_waiting) {
    at_ = server_.waiting_.insert(server_.waiting_.end(), this);
  } else {
    server_.waiting_.erase(at_);
  }
}

void HttpServer::Seat::cut_off() {
  set_waiting(false);
  is_cut_off_ = true;
  leave_peer();
  ++server_.leaving_;
  server_.cut_off_.fetch_add(1, std::memory_order_relaxed);
  stream_.cancel();
}

HttpServer::HttpServer(Parts parts, Options options)
    : parts_(parts), options_(std::move(options)), group_(parts.shard, parts.log) {}

void HttpServer::accept(std::unique_ptr<net::Stream> stream) {
  if (group_.is_cancelled() || !make_room()) {
    turned_away_.fetch_add(1, std::memory_order_relaxed);
    stream->close();
    return;
  }
  group_.spawn(serve(std::move(stream)));
}

// Those that were cut off end in a moment: they do not count, but there are never many times more of them than seats.
bool HttpServer::make_room() {
  if (sessions() - leaving_ < options_.connections_max) return true;
  if (waiting_.empty() || leaving_ >= kLeavingMax * options_.connections_max) return false;
  // Of equals the first, which has waited the longest.
  Seat& chosen = **std::ranges::max_element(waiting_, {}, &Seat::seats_of_peer);
  chosen.cut_off();
  return true;
}

Task<void> HttpServer::stop() {
  group_.cancel();
  co_await group_.join();
}

Task<bool> HttpServer::handshake(net::Stream& stream) {
  if (options_.tls == nullptr) co_return true;
  const auto done = co_await stream.start_tls_server(*options_.tls, options_.session.timeouts.request);
  if (options_.on_handshake) options_.on_handshake(done.has_value());
  co_return done.has_value();
}

Task<void> HttpServer::serve(std::unique_ptr<net::Stream> stream) {
  Seat seat{*this, *stream};
  {
    const net::TaskGroup::CancelHook hook{group_, [&stream] { stream->cancel(); }};
    HttpContext context{parts_.shard, group_, parts_.clock, net::unix_peer(*stream), stream->remote()};
    HttpSessionOptions session = options_.session;
    session.on_busy = [&seat](bool is_busy) { seat.set_waiting(!is_busy); };
    const bool is_open = co_await handshake(*stream);
    auto serving = serve_http(*stream, context, parts_.handler, std::move(session));
    if (is_open) co_await std::move(serving);
  }
  stream->close();
}

}  // namespace bulkhead::admin

#include "src/admin/http_server.h"

namespace bulkhead::admin {

namespace {
constexpr std::size_t kLeavingMax = 4;  // for each seat, in one turn of the loop
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
  Seat& longest = *waiting_.front();
  set_waiting(longest, false);
  longest.is_cut_off = true;
  ++leaving_;
  cut_off_.fetch_add(1, std::memory_order_relaxed);
  longest.stream.cancel();
  return true;
}

void HttpServer::set_waiting(Seat& seat, bool is_waiting) {
  if (seat.is_waiting == is_waiting || seat.is_cut_off) return;
  seat.is_waiting = is_waiting;
  if (is_waiting) {
    seat.at = waiting_.insert(waiting_.end(), &seat);
  } else {
    waiting_.erase(seat.at);
  }
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
  sessions_.fetch_add(1, std::memory_order_relaxed);
  Seat seat{*stream};
  set_waiting(seat, true);
  {
    const net::TaskGroup::CancelHook hook{group_, [&stream] { stream->cancel(); }};
    HttpContext context{parts_.shard, group_, parts_.clock, net::unix_peer(*stream), stream->remote()};
    HttpSessionOptions session = options_.session;
    session.on_busy = [this, &seat](bool is_busy) { set_waiting(seat, !is_busy); };
    const bool is_open = co_await handshake(*stream);
    auto serving = serve_http(*stream, context, parts_.handler, std::move(session));
    if (is_open) co_await std::move(serving);
  }
  stream->close();
  set_waiting(seat, false);
  if (seat.is_cut_off) --leaving_;
  sessions_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace bulkhead::admin

#include "src/admin/http_server.h"

namespace bulkhead::admin {

HttpServer::HttpServer(Parts parts, Options options)
    : parts_(parts), options_(std::move(options)), group_(parts.shard, parts.log) {}

void HttpServer::accept(std::unique_ptr<net::Stream> stream) {
  if (group_.is_cancelled() || sessions() >= options_.connections_max) {
    turned_away_.fetch_add(1, std::memory_order_relaxed);
    stream->close();
    return;
  }
  group_.spawn(serve(std::move(stream)));
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
  {
    const net::TaskGroup::CancelHook hook{group_, [&stream] { stream->cancel(); }};
    HttpContext context{parts_.shard, group_, parts_.clock, net::unix_peer(*stream), stream->remote()};
    const bool is_open = co_await handshake(*stream);
    if (is_open) co_await serve_http(*stream, context, parts_.handler, options_.session);
  }
  stream->close();
  sessions_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace bulkhead::admin

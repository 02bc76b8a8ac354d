#include "src/app/admin_servers.h"

namespace bulkhead::app {

namespace {

admin::HttpServer::Options with_tls(const AdminServers::Parts& parts) {
  admin::HttpServer::Options options;
  options.tls = &parts.tls;
  options.on_handshake = parts.on_handshake;
  return options;
}

}  // namespace

AdminServers::AdminServers(Parts parts)
    : parts_(std::move(parts)),
      api_(parts_.services, admin::AuthenticationPolicy{{0U, parts_.operator_uid}}),
      metrics_(parts_.metrics, [&store = parts_.services.store] { return store.accepts_new().has_value(); }),
      local_server_({parts_.shard, api_, parts_.services.clock, parts_.services.log}, {}),
      clear_server_({parts_.shard, api_, parts_.services.clock, parts_.services.log}, {}),
      tls_server_({parts_.shard, api_, parts_.services.clock, parts_.services.log}, with_tls(parts_)),
      metrics_server_({parts_.shard, metrics_, parts_.services.clock, parts_.services.log}, {}) {}

Status AdminServers::add(const SocketAddress& endpoint, admin::HttpServer& server) {
  auto listener =
      net::Listener::tcp(parts_.shard, endpoint, [&server](auto stream) { server.accept(std::move(stream)); });
  if (!listener) return fail(listener.error());
  listeners_.push_back(std::move(*listener));
  return {};
}

Status AdminServers::listen(const Configuration::Listen& endpoints) {
  for (const auto& endpoint : endpoints.http) {
    if (auto added = add(endpoint, clear_server_); !added) return added;
  }
  for (const auto& endpoint : endpoints.https) {
    if (auto added = add(endpoint, tls_server_); !added) return added;
  }
  for (const auto& endpoint : endpoints.metrics) {
    if (auto added = add(endpoint, metrics_server_); !added) return added;
  }
  auto local = net::Listener::unix_socket(parts_.shard, endpoints.admin,
                                          [this](auto stream) { local_server_.accept(std::move(stream)); });
  if (!local) return fail(local.error());
  listeners_.push_back(std::move(*local));
  return {};
}

std::vector<AdminServers::Refused> AdminServers::refused() const {
  const auto of = [](std::string_view listener, const admin::HttpServer& server) {
    return Refused{listener, server.turned_away(), server.cut_off()};
  };
  return {of("admin", local_server_), of("http", clear_server_), of("https", tls_server_),
          of("metrics", metrics_server_)};
}

void AdminServers::start() {
  for (auto& listener : listeners_) listener->start();
}

Task<void> AdminServers::stop() {
  for (auto& listener : listeners_) listener->stop();
  co_await local_server_.stop();
  co_await clear_server_.stop();
  co_await tls_server_.stop();
  co_await metrics_server_.stop();
}

}  // namespace bulkhead::app

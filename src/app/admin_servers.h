// The HTTP listeners of a node: the API on TCP, TLS and the Unix socket, and the metrics' port. All on one shard: they
// are not in mail's way, and what they do runs on the pool or is posted to where it belongs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/admin/http_server.h"
#include "src/admin/rest/api_handler.h"
#include "src/admin/services.h"
#include "src/app/configuration.h"
#include "src/net/listener.h"

namespace bulkhead::app {

class AdminServers {
 public:
  struct Parts {  // all outlive it
    net::Shard& shard;
    const admin::AdminServices& services;
    const net::TlsServerContexts& tls;
    std::function<std::string()> metrics;              // the exposition
    unsigned operator_uid;                             // besides root: the server's own
    std::function<void(bool is_done)> on_handshake{};  // of https
  };
  explicit AdminServers(Parts parts);

  // Binds; the error names the endpoint. Before privileges are dropped.
  Status listen(const Configuration::Listen& endpoints);
  void start();       // on the shard
  Task<void> stop();  // on the shard

  // The connections of each that were turned away or cut off, by its name in the configuration ("http"). Any thread.
  struct Refused {
    std::string_view listener;
    std::uint64_t turned_away = 0, cut_off = 0;
  };
  std::vector<Refused> refused() const;

 private:
  Status add(const SocketAddress& endpoint, admin::HttpServer& server);

  Parts parts_;
  admin::ApiHandler api_;
  admin::MetricsHandler metrics_;
  // Each has seats of its own: who fills one keeps nobody out of the others.
  admin::HttpServer local_server_, clear_server_, tls_server_, metrics_server_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace bulkhead::app

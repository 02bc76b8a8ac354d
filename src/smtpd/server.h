// The SMTP server: listeners on every shard, and the sessions that they accept.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/net/listener.h"
#include "src/net/shard.h"
#include "src/smtpd/census.h"
#include "src/smtpd/services.h"

namespace bulkhead::reputation {
class Reports;
class RestrictionBoard;
}  // namespace bulkhead::reputation

namespace bulkhead::smtpd {

class SmtpServer {
 public:
  struct Endpoint {
    SocketAddress address;
    ListenerKind kind = ListenerKind::kSmtp;
  };
  struct Parts {  // what it is made of; all outlive it
    net::Runtime& runtime;
    tenants::LiveDirectory& directory;
    Intake& intake;
    trace::Trace& trace;
    const Clock& clock;
    Random& random;
    Log& log;
    std::string node_name;
    const net::TlsServerContexts* tls = nullptr;  // null: neither STARTTLS nor submissions
    Settings settings{};
    netpolicy::Limiter* limiter = nullptr;                                // null: nobody is limited
    std::function<reputation::Reports*(std::size_t shard)> reports = {};  // empty: nobody hears of what happens
    const reputation::RestrictionBoard* restrictions = nullptr;           // null: nobody is restricted
  };
  explicit SmtpServer(Parts parts);
  ~SmtpServer();  // after stop() on every shard

  // Binds the endpoints on every shard; the error names the one that failed. Port 0 is chosen by the system and the
  // same on all shards. Before the runtime starts, so that privileges can be dropped afterwards.
  Status listen(const std::vector<Endpoint>& endpoints);
  // Begins to accept. Before the runtime starts, or from any thread while it runs.
  void start();
  // Stops accepting, says 421 to who is idle, lets messages in progress finish for `grace`, then cuts. On shard
  // `shard`, once for each.
  Task<void> stop(std::size_t shard, std::chrono::milliseconds grace);

  // Says goodbye to the sessions in which this account, or with a nil account any of the tenant, has signed in: at once
  // when they wait for a command, otherwise after it. Any thread.
  void end_sessions(TenantId tenant, AccountId account);

  // Where it listens, in the order of the endpoints.
  std::vector<SocketAddress> endpoints() const;
  // Bounds and time-outs from now on, for open sessions too. Any thread, while the runtime runs.
  void change_settings(const Settings& settings);
  Census& census();  // sessions for `status`, counters for the metrics; any thread

 private:
  struct Worker;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::smtpd

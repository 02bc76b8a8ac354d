// What the administration works on. Made in main; everything outlives the admin servers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "netpolicy/host_addresses.h"
#include "netpolicy/limits/limiter.h"
#include "src/admin/caller.h"
#include "src/admin/monitor.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/mailbox/mailboxes.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "src/queue/queue.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/directory.h"
#include "tenants/live_directory.h"

namespace bulkhead::admin {

class ReputationDesk;
class WebhookDesk;

struct AdminServices {
  tenants::Directory& directory;
  tenants::LiveDirectory& live;
  net::BlockingPool& pool;
  queue::Queue& queue;
  store::Store& store;
  trace::Trace& trace;
  mailbox::Mailboxes& mailboxes;
  netpolicy::HostAddressMonitor& host;
  const Clock& clock;
  Random& random;
  Log& log;
  std::string node_name;
  std::string version;
  SteadyTime started_at;
  std::function<net::Resolver&(std::size_t shard)> resolver;
  std::function<std::map<std::string, std::uint64_t>()> sessions;  // open sessions by protocol; any thread
  // After each request of the API, for the metrics: "tenants", "queue", … or "other", and the status. May be empty.
  std::function<void(std::string_view group, int status)> on_request{};
  netpolicy::Limiter* limiter = nullptr;  // null: nothing is counted
  // Connections that a limit of a site counts, open now; any thread. May be empty.
  std::function<std::uint64_t(const tenants::Limit&)> open_connections = {};
  ReputationDesk* reputation = nullptr;  // null: nobody counts
  Monitor* monitor = nullptr;            // of lists and readiness; null: nothing is watched
  // For what tenants ask, so that their imports and searches never keep the operator waiting; null: the same pool.
  net::BlockingPool* tenants_pool = nullptr;
  WebhookDesk* webhooks = nullptr;  // null: nothing is posted

  net::BlockingPool& pool_of(const Caller& caller) const {
    return caller.is_operator() || tenants_pool == nullptr ? pool : *tenants_pool;
  }
};

}  // namespace bulkhead::admin

// What delivery is made of on one shard: everything is passed in, all of it outlives the courier.
#pragma once

#include "monitoring/metrics.h"
#include "monitoring/replies/rule_book.h"
#include "netpolicy/firewall/tenant_marks.h"
#include "netpolicy/host_addresses.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/delivery/feedback_desk.h"
#include "src/delivery/message_signer.h"
#include "src/delivery/settings.h"
#include "src/delivery/site_gate.h"
#include "src/mailbox/mailboxes.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "src/queue/queue.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::reputation {
class Reports;
}

namespace bulkhead::delivery {

struct Parts {
  net::Shard& shard;
  net::BlockingPool& pool;
  net::Resolver& resolver;   // of this shard
  queue::ShardQueue& queue;  // of this shard
  tenants::LiveDirectory& directory;
  netpolicy::HostAddressMonitor& host_addresses;
  store::Store& store;
  mailbox::Mailboxes& mailboxes;
  trace::Trace& trace;
  monitoring::Metrics& metrics;
  const Clock& clock;
  Random& random;
  Log& log;
  SiteGate* gate = nullptr;  // learns how sites answer; null: nobody does
  // What outgoing sockets carry for the kernel's firewall; null: nothing.
  const netpolicy::LiveTenantMarks* marks = nullptr;
  const replies::RuleBook* rules = nullptr;  // null: replies are read by their codes alone
  reputation::Reports* reports = nullptr;    // hears what became of recipients; of this shard
  const MessageSigner* signer = nullptr;     // signs what leaves; null: nobody does
  FeedbackDesk* feedback = nullptr;          // takes what comes to feedback addresses; null: it is thrown away
};

}  // namespace bulkhead::delivery

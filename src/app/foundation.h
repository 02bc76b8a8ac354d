// What everything in a node stands on: threads, clock, metrics, store, trace, directory, the host's addresses,
// certificates. Opened first, closed last, so that whatever is built on it may hold references.
#pragma once

#include <memory>

#include "monitoring/metrics.h"
#include "netpolicy/firewall/tenant_marks.h"
#include "netpolicy/host_addresses.h"
#include "netpolicy/limits/bucket_storage.h"
#include "src/app/certificate_reader.h"
#include "src/app/certificates.h"
#include "src/app/configuration.h"
#include "src/app/counted_trace.h"
#include "src/app/event_metrics.h"
#include "src/app/instance_lock.h"
#include "src/mailbox/mailboxes.h"
#include "src/net/shard.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

struct Foundation {
  // `configured` reads the configured certificate and outlives the node; null when none is configured.
  Foundation(const Configuration& configuration, CertificateReader* configured, Log& its_log);

  // Takes the data directory for this process and opens what is in it. Blocks.
  Status open(const Configuration& configuration);
  // Writes what is only in memory, then closes trace and store. After the last use of them; blocks.
  void close();

  Log& log;
  InstanceLock lock;  // dies last
  CertificateReader* const configured_certificate;
  CertificateReader own_certificate;
  SystemClock clock;
  SystemRandom random;
  net::Runtime runtime;
  net::BlockingPool pool;
  // Of their own, so that a long import or search of one administrator never delays mail, and one of a tenant's not
  // the operator.
  net::BlockingPool admin_pool, tenants_pool;
  monitoring::Metrics metrics;
  std::unique_ptr<store::FileSystem> files;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<trace::Trace> trace;
  std::unique_ptr<netpolicy::Limiter> limiter;
  std::unique_ptr<netpolicy::BucketStorage> limit_storage;
  std::unique_ptr<tenants::Directory> directory;
  std::unique_ptr<tenants::LiveDirectory> live;
  std::unique_ptr<EventMetrics> event_metrics;
  std::unique_ptr<CountedTrace> counted_trace;
  std::unique_ptr<netpolicy::HostAddressMonitor> host;
  std::unique_ptr<Certificates> certificates;
  std::unique_ptr<netpolicy::LiveTenantMarks> marks;  // null: sockets carry none
  std::unique_ptr<mailbox::Mailboxes> mailboxes;

 private:
  Status open_storage(const Configuration& configuration);
  Status open_certificate(const Configuration& configuration);
  Status open_directory(const Configuration& configuration);
};

}  // namespace bulkhead::app

#include "src/app/foundation.h"

#include "src/app/version.h"

namespace bulkhead::app {

namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr std::size_t kPoolQueueMax = 10000;
constexpr std::size_t kAdminPoolThreads = 2;
constexpr std::size_t kAdminPoolQueueMax = 200;
// Two take turns while mail flows through; 64 MiB are written at the first start.
constexpr std::size_t kSegmentsInStock = 2;

}  // namespace

Foundation::Foundation(const Configuration& configuration, CertificateReader* configured, Log& its_log)
    : log(its_log),
      configured_certificate(configured),
      own_certificate(configuration.node.data + "/self-signed.crt", configuration.node.data + "/self-signed.key"),
      runtime(configuration.node.threads),
      pool(kPoolThreads, kPoolQueueMax),
      admin_pool(kAdminPoolThreads, kAdminPoolQueueMax),
      tenants_pool(kAdminPoolThreads, kAdminPoolQueueMax),
      metrics({.version = kVersion}, clock),
      files(store::make_posix_file_system()) {}

Status Foundation::open(const Configuration& configuration) {
  if (auto opened = open_storage(configuration); !opened) return opened;
  if (auto opened = open_certificate(configuration); !opened) return opened;
  return open_directory(configuration);
}

Status Foundation::open_storage(const Configuration& configuration) {
  const std::string& data = configuration.node.data;
  if (auto made = files->make_directory(data); !made) return made;
  if (auto locked = lock.take(data); !locked) return locked;
  auto opened_store =
      store::Store::open({.directory = data, .segments_in_stock = kSegmentsInStock}, *files, clock, log);
  if (!opened_store) return fail(opened_store.error());
  store = std::move(*opened_store);
  auto opened_trace =
      trace::Trace::open({.directory = data, .retention = configuration.trace.retention}, *store, *files, clock, log);
  if (!opened_trace) return fail(opened_trace.error());
  trace = std::move(*opened_trace);
  mailboxes = mailbox::Mailboxes::make(*store);
  limiter = std::make_unique<netpolicy::Limiter>(clock);
  limit_storage = std::make_unique<netpolicy::BucketStorage>(*limiter, *store, log);
  return limit_storage->load();
}

Status Foundation::open_certificate(const Configuration& configuration) {
  if (configured_certificate == nullptr) {
    const std::string file = configuration.node.data + "/self-signed";
    auto made = ensure_self_signed(file + ".crt", file + ".key", configuration.node.name, log);
    if (!made) return made;
  }
  auto& reader = configured_certificate != nullptr ? *configured_certificate : own_certificate;
  auto loaded = Certificates::load(reader, log);
  if (!loaded) return fail(loaded.error());
  certificates = std::move(*loaded);
  return {};
}

Status Foundation::open_directory(const Configuration& configuration) {
  auto opened = tenants::open_sqlite_directory(configuration.node.data + "/directory.sqlite", clock, random);
  if (!opened) return fail(opened.error());
  directory = std::move(*opened);
  auto loaded = tenants::LiveDirectory::load(*directory, pool, log);
  if (!loaded) return fail(loaded.error());
  live = std::move(*loaded);
  auto started = netpolicy::HostAddressMonitor::start(log);
  if (!started) return fail(started.error());
  host = std::move(*started);
  event_metrics = std::make_unique<EventMetrics>(metrics, *live);
  counted_trace = std::make_unique<CountedTrace>(*trace, *event_metrics);
  if (configuration.firewall.marks) marks = std::make_unique<netpolicy::LiveTenantMarks>(*live->snapshot());
  certificates->update(live->snapshot());
  return {};
}

void Foundation::close() {
  host.reset();
  trace->close();
  (void)limit_storage->save_and_wait();  // says itself why it failed
  store->close();
  metrics.withdraw_providers();
}

}  // namespace bulkhead::app

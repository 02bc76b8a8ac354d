#include "src/app/node.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <vector>

#include "monitoring/metrics.h"
#include "netpolicy/host_addresses.h"
#include "netpolicy/limits/bucket_storage.h"
#include "src/app/admin_servers.h"
#include "src/app/certificates.h"
#include "src/app/counted_trace.h"
#include "src/app/endpoint_texts.h"
#include "src/app/event_metrics.h"
#include "src/app/firewall_readings.h"
#include "src/app/gauges.h"
#include "src/app/housekeeping.h"
#include "src/app/instance_lock.h"
#include "src/app/limit_gauges.h"
#include "src/app/limit_keeping.h"
#include "src/app/live_settings.h"
#include "src/app/mail_intake.h"
#include "src/app/notifier.h"
#include "src/app/port_check.h"
#include "src/app/privileges.h"
#include "src/app/queue_directory.h"
#include "src/app/reply_rules.h"
#include "src/app/reputation_gauges.h"
#include "src/app/reputation_loop.h"
#include "src/app/settings.h"
#include "src/app/shard_runs.h"
#include "src/app/version.h"
#include "src/delivery/courier.h"
#include "src/delivery/sender_resolution.h"
#include "src/delivery/site_gate.h"
#include "src/mailbox/mailboxes.h"
#include "src/net/resolver.h"
#include "src/queue/queue.h"
#include "src/smtpd/server.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr std::size_t kPoolQueueMax = 10000;
constexpr std::size_t kAdminPoolThreads = 2;
constexpr std::size_t kAdminPoolQueueMax = 200;
// Together below what the systemd unit waits for.
constexpr std::chrono::milliseconds kSessionGrace{20000};
constexpr std::chrono::milliseconds kDeliveryGrace{10000};
constexpr std::chrono::milliseconds kQueueCountInterval{2000};
// Two take turns while mail flows through; 64 MiB are written at the first start.
constexpr std::size_t kSegmentsInStock = 2;

class RunningNode final : public Node {
 public:
  RunningNode(const Configuration& configuration, CertificateReader* configured, Log& log)
      : configuration_(configuration),
        log_(log),
        configured_certificate_(configured),
        runtime_(configuration.node.threads),
        metrics_({.version = kVersion}, clock_) {}
  ~RunningNode() override { stop(); }

  Status open() {
    if (auto opened = open_storage(); !opened) return opened;
    if (auto opened = open_directory(); !opened) return opened;
    if (auto made = make_reputation(); !made) return made;
    if (auto made = make_queue(); !made) return made;
    make_servers();
    if (auto bound = bind(); !bound) return bound;
    if (auto given = give_to_user(configuration_.node.data, configuration_.node.user); !given) return given;
    const bool marks = configuration_.firewall.marks;
    auto dropped = drop_privileges(configuration_.node.user, marks ? Kept::kMarking : Kept::kNothing);
    return dropped && marks ? net::may_mark_sockets() : dropped;
  }

  Status start() override;
  Status reload_certificate() override { return certificates_->reload(); }
  Status change(const Configuration& configuration) override;
  void stop() override;

 private:
  Status open_storage();
  Status open_certificate();
  Status open_directory();
  Status make_reputation();
  Status make_queue();
  net::ResolverOptions resolver_options();
  void make_servers();
  Status bind();
  Status make_socket_directory();
  std::map<std::string, std::uint64_t> sessions();
  std::map<std::string, std::uint64_t> queue_counts();
  Task<void> count_queue(net::TaskGroup& group);
  Task<void> save_reputation();
  void run_on(std::size_t shard, UniqueFunction<Task<void>()> make_task) {
    run_and_wait(runtime_.shard(shard), log_, std::move(make_task));
  }
  void run_on_all(const std::function<Task<void>(std::size_t)>& make_task) { run_on_each(runtime_, log_, make_task); }

  Configuration configuration_;  // changed by the main thread; nobody else reads what may change
  Log& log_;
  InstanceLock lock_;  // dies last
  CertificateReader* const configured_certificate_;
  CertificateReader own_certificate_{configuration_.node.data + "/self-signed.crt",
                                     configuration_.node.data + "/self-signed.key"};
  SystemClock clock_;
  SystemRandom random_;
  net::Runtime runtime_;
  net::BlockingPool pool_{kPoolThreads, kPoolQueueMax};
  // Of their own, so that a long import or search of one administrator never delays mail, and one of a tenant's not
  // the operator.
  net::BlockingPool admin_pool_{kAdminPoolThreads, kAdminPoolQueueMax};
  net::BlockingPool tenants_pool_{kAdminPoolThreads, kAdminPoolQueueMax};
  monitoring::Metrics metrics_;
  std::unique_ptr<store::FileSystem> files_ = store::make_posix_file_system();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<trace::Trace> trace_;
  std::unique_ptr<netpolicy::Limiter> limiter_;
  std::unique_ptr<netpolicy::BucketStorage> limit_storage_;
  std::unique_ptr<tenants::Directory> directory_;
  std::unique_ptr<tenants::LiveDirectory> live_;
  std::unique_ptr<EventMetrics> event_metrics_;
  std::unique_ptr<CountedTrace> counted_trace_;
  std::unique_ptr<netpolicy::HostAddressMonitor> host_;
  std::unique_ptr<Certificates> certificates_;
  std::unique_ptr<net::TlsServerContexts> tls_;
  std::unique_ptr<netpolicy::LiveTenantMarks> marks_;  // null: sockets carry none
  std::unique_ptr<mailbox::Mailboxes> mailboxes_;
  std::vector<std::unique_ptr<net::Resolver>> resolvers_;
  replies::RuleBook rule_book_;
  std::unique_ptr<ReplyRules> reply_rules_;
  reputation::RestrictionBoard restrictions_;
  std::unique_ptr<ReputationLoop> reputation_;
  std::unique_ptr<delivery::SiteGate> site_gate_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<Notifier> notifier_;
  std::vector<std::unique_ptr<delivery::Courier>> couriers_;
  std::unique_ptr<MailIntake> intake_;
  std::unique_ptr<smtpd::SmtpServer> smtp_;
  std::unique_ptr<admin::AdminServices> services_;
  std::unique_ptr<AdminServers> admin_;
  std::unique_ptr<net::TaskGroup> background_;
  std::unique_ptr<Housekeeping> housekeeping_;
  std::atomic<std::uint64_t> queue_ready_{0}, queue_active_{0}, queue_scheduled_{0}, queue_held_{0};
  std::atomic<bool> is_started_{false};
  bool is_stopped_ = false;
};

Status RunningNode::open_storage() {
  const std::string& data = configuration_.node.data;
  if (auto made = files_->make_directory(data); !made) return made;
  if (auto locked = lock_.take(data); !locked) return locked;
  auto store = store::Store::open({.directory = data, .segments_in_stock = kSegmentsInStock}, *files_, clock_, log_);
  if (!store) return fail(store.error());
  store_ = std::move(*store);
  auto trace = trace::Trace::open({.directory = data, .retention = configuration_.trace.retention}, *store_, *files_,
                                  clock_, log_);
  if (!trace) return fail(trace.error());
  trace_ = std::move(*trace);
  mailboxes_ = mailbox::Mailboxes::make(*store_);
  limiter_ = std::make_unique<netpolicy::Limiter>(clock_);
  limit_storage_ = std::make_unique<netpolicy::BucketStorage>(*limiter_, *store_, log_);
  if (auto loaded = limit_storage_->load(); !loaded) return loaded;
  return open_certificate();
}

Status RunningNode::open_certificate() {
  if (configured_certificate_ == nullptr) {
    const std::string file = configuration_.node.data + "/self-signed";
    auto made = ensure_self_signed(file + ".crt", file + ".key", configuration_.node.name, log_);
    if (!made) return made;
  }
  auto& reader = configured_certificate_ != nullptr ? *configured_certificate_ : own_certificate_;
  auto certificates = Certificates::load(reader, log_);
  if (!certificates) return fail(certificates.error());
  certificates_ = std::move(*certificates);
  return {};
}

Status RunningNode::open_directory() {
  auto directory = tenants::open_sqlite_directory(configuration_.node.data + "/directory.sqlite", clock_, random_);
  if (!directory) return fail(directory.error());
  directory_ = std::move(*directory);
  auto live = tenants::LiveDirectory::load(*directory_, pool_, log_);
  if (!live) return fail(live.error());
  live_ = std::move(*live);
  auto host = netpolicy::HostAddressMonitor::start(log_);
  if (!host) return fail(host.error());
  host_ = std::move(*host);
  event_metrics_ = std::make_unique<EventMetrics>(metrics_, *live_);
  counted_trace_ = std::make_unique<CountedTrace>(*trace_, *event_metrics_);
  if (configuration_.firewall.marks) {
    marks_ = std::make_unique<netpolicy::LiveTenantMarks>(*live_->snapshot());
  }
  certificates_->update(live_->snapshot());
  return {};
}

Status RunningNode::make_reputation() {
  reply_rules_ = std::make_unique<ReplyRules>(configuration_.reputation.reply_rules, rule_book_, pool_, log_);
  reply_rules_->look();
  reputation_ = std::make_unique<ReputationLoop>(ReputationLoop::Parts{.runtime = runtime_,
                                                                       .store = *store_,
                                                                       .trace = *trace_,
                                                                       .directory = *live_,
                                                                       .board = restrictions_,
                                                                       .clock = clock_,
                                                                       .random = random_,
                                                                       .log = log_,
                                                                       .is_shadow = configuration_.reputation.shadow,
                                                                       .end_sessions =
                                                                           [this](TenantId tenant, AccountId account) {
                                                                             if (smtp_)
                                                                               smtp_->end_sessions(tenant, account);
                                                                           },
                                                                       .on_case =
                                                                           [this](const cases::Case& changed) {
                                                                             if (notifier_)
                                                                               notifier_->case_changed(changed);
                                                                           }});
  return reputation_->load();
}

Status RunningNode::make_queue() {
  site_gate_ = std::make_unique<delivery::SiteGate>(
      delivery::SiteGate::Parts{*live_, *limiter_, clock_, random_,
                                std::min<std::chrono::milliseconds>(retry_policy(configuration_).intervals.front(),
                                                                    delivery::ConcurrencyWindow::kPauseMost),
                                configuration_.delivery.connections_per_lane, &restrictions_});
  queue::Queue::Parts parts{
      .runtime = runtime_,
      .pool = pool_,
      .store = *store_,
      .trace = *trace_,
      .clock = clock_,
      .random = random_,
      .log = log_,
      .node_name = configuration_.node.name,
      .retry = retry_policy(configuration_),
      .source_preview = [this](const queue::LaneKey& lane) -> std::optional<IpAddress> {
        const auto sources = sources_of(*live_->snapshot(), *host_->current(), lane);
        return sources.empty() ? std::nullopt : std::optional{sources.front()};
      },
      .resolve_sender = delivery::sender_resolution(*live_),
      .on_event = [this](const trace::Event& event) { event_metrics_->count(event); },
      .on_progress = [this](const queue::Progress& progress) { event_metrics_->count_progress(progress); },
      .sources_of =
          [this](const queue::LaneKey& lane) { return sources_of(*live_->snapshot(), *host_->current(), lane); },
      .gate = site_gate_.get()};
  connect_directory(parts, *live_);
  queue_ = queue::Queue::make(std::move(parts));
  reputation_->connect(*queue_);
  notifier_ = std::make_unique<Notifier>(Notifier::Parts{runtime_.shard(0), *live_, *queue_, *store_, clock_, random_,
                                                         log_, configuration_.node.name, configuration_.notify,
                                                         configuration_.queue.expire_after});
  const auto settings = delivery_settings(configuration_);
  for (std::size_t i = 0; i < runtime_.size(); ++i) {
    auto resolver = net::make_cares_resolver(runtime_.shard(i), clock_, resolver_options());
    if (!resolver) return fail(resolver.error());
    resolvers_.push_back(std::move(*resolver));
    delivery::Parts courier_parts{runtime_.shard(i),
                                  pool_,
                                  *resolvers_[i],
                                  queue_->shard_queue(i),
                                  *live_,
                                  *host_,
                                  *store_,
                                  *mailboxes_,
                                  *trace_,
                                  metrics_,
                                  clock_,
                                  random_,
                                  log_,
                                  site_gate_.get(),
                                  marks_.get(),
                                  &rule_book_,
                                  &reputation_->reports(i)};
    couriers_.push_back(std::make_unique<delivery::Courier>(courier_parts, settings));
    queue_->set_carrier(i, *couriers_[i]);
  }
  const auto wake = [this] {
    if (is_started_) queue_->sources_changed();
  };
  host_->on_change(wake);
  live_->on_change([this, wake](const tenants::SnapshotPtr& snapshot) {
    certificates_->update(snapshot);
    if (marks_ != nullptr) marks_->update(*snapshot);
    wake();
  });
  return {};
}

Status RunningNode::change(const Configuration& after) {
  const auto change = compare(configuration_, after);
  if (!change.at_start.empty())
    log_.warning("configuration: the changes in {} take effect at the next start", fmt::join(change.at_start, ", "));
  if (change.live.empty()) return {};
  configuration_.smtp = after.smtp;
  configuration_.limits = after.limits;
  configuration_.delivery = after.delivery;
  configuration_.queue = after.queue;
  configuration_.dns = after.dns;
  make_hold(configuration_, change, {runtime_, *smtp_, *queue_, *site_gate_, couriers_, resolvers_});
  log_.info("configuration: {} changed", fmt::join(change.live, ", "));
  return {};
}

net::ResolverOptions RunningNode::resolver_options() {
  net::ResolverOptions options{.servers = texts_of(configuration_.dns.servers)};
  options.on_lookup = [this](const net::DnsLookup& lookup) {
    metrics_.dns_lookup(lookup.outcome);
    if (lookup.took) metrics_.dns_took(*lookup.took);
  };
  return options;
}

void RunningNode::make_servers() {
  tls_ = std::make_unique<net::TlsServerContexts>(
      [this](std::string_view name, const SocketAddress& arrival) { return certificates_->choose(name, arrival); });
  intake_ = std::make_unique<MailIntake>(MailIntake::Parts{*queue_, *store_, *mailboxes_, pool_});
  smtp_ = std::make_unique<smtpd::SmtpServer>(
      smtpd::SmtpServer::Parts{.runtime = runtime_,
                               .directory = *live_,
                               .intake = *intake_,
                               .trace = *counted_trace_,
                               .clock = clock_,
                               .random = random_,
                               .log = log_,
                               .node_name = configuration_.node.name,
                               .tls = tls_.get(),
                               .settings = smtpd_settings(configuration_),
                               .limiter = limiter_.get(),
                               .reports = [this](std::size_t shard) { return &reputation_->reports(shard); },
                               .restrictions = &restrictions_});
  services_ = std::make_unique<admin::AdminServices>(
      admin::AdminServices{*directory_,
                           *live_,
                           admin_pool_,
                           *queue_,
                           *store_,
                           *trace_,
                           *mailboxes_,
                           *host_,
                           clock_,
                           random_,
                           log_,
                           configuration_.node.name,
                           kVersion,
                           clock_.steady(),
                           [this](std::size_t shard) -> net::Resolver& { return *resolvers_[shard]; },
                           [this] { return sessions(); },
                           [this](std::string_view group, int status) { metrics_.api_request(group, status); },
                           limiter_.get(),
                           [this](const tenants::Limit& limit) { return site_gate_->open_connections(limit); },
                           reputation_.get(),
                           &tenants_pool_});
  AdminServers::Parts parts{
      .shard = runtime_.shard(0),
      .services = *services_,
      .tls = *tls_,
      .metrics = [this] { return metrics_.exposition(); },
      .operator_uid = uid_after_drop(configuration_.node.user),
      .on_handshake = [this](bool is_done) { metrics_.tls_handshake("https", is_done ? "ok" : "failed"); }};
  admin_ = std::make_unique<AdminServers>(std::move(parts));
  provide_gauges(metrics_, {.store = *store_,
                            .trace = *trace_,
                            .directory = *live_,
                            .host = *host_,
                            .sessions = [this] { return sessions(); },
                            .queue = [this] { return queue_counts(); },
                            .smtp = [this]() -> const smtpd::Counters& { return smtp_->census().counters(); }});
  provide_firewall_readings(metrics_, configuration_.node.data, clock_);
  provide_limit_gauges(metrics_, {*limiter_, *limit_storage_, *site_gate_});
  provide_reputation_gauges(metrics_, *reputation_, *reply_rules_);
}

Status RunningNode::make_socket_directory() {
  const auto directory = std::filesystem::path{configuration_.listen.admin}.parent_path().string();
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorCode::kIo, "cannot make " + directory + ": " + error.message());
  // A directory of our own making is ours: the socket is removed from it after root was given up.
  return is_new ? give_to_user(directory, configuration_.node.user) : Status{};
}

Status RunningNode::bind() {
  using smtpd::ListenerKind;
  std::vector<smtpd::SmtpServer::Endpoint> endpoints;
  const auto add = [&](const std::vector<SocketAddress>& list, ListenerKind kind) {
    for (const auto& address : list) endpoints.push_back({address, kind});
  };
  add(configuration_.listen.smtp, ListenerKind::kSmtp);
  add(configuration_.listen.submission, ListenerKind::kSubmission);
  add(configuration_.listen.submissions, ListenerKind::kSubmissions);
  if (auto are_free = check_ports(configuration_.listen); !are_free) return are_free;
  if (auto bound = smtp_->listen(endpoints); !bound) return bound;
  if (auto made = make_socket_directory(); !made) return made;
  return admin_->listen(configuration_.listen);
}

// Counts by state for the metrics: taken on the shards now and then, read by whoever asks.
Task<void> RunningNode::count_queue(net::TaskGroup& group) {
  for (;;) {
    auto counting = queue_->count(runtime_.shard(0), {});
    const queue::Counts counts = co_await std::move(counting);
    queue_ready_ = counts.ready;
    queue_active_ = counts.active;
    queue_scheduled_ = counts.scheduled;
    queue_held_ = counts.held;
    auto sleeping = runtime_.shard(0).sleep(kQueueCountInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

Task<void> RunningNode::save_reputation() {
  auto saving = reputation_->save();
  (void)co_await std::move(saving);  // says itself why it failed
}

Status RunningNode::start() {
  runtime_.start();
  is_started_ = true;
  if (auto started = queue_->start(); !started) return started;
  background_ = std::make_unique<net::TaskGroup>(runtime_.shard(0), log_);
  housekeeping_ = std::make_unique<Housekeeping>(
      Housekeeping::Parts{runtime_.shard(0), pool_, *store_, *trace_, *directory_, clock_, log_});
  for (std::size_t i = 0; i < runtime_.size(); ++i) {
    runtime_.shard(i).post([this, i] { couriers_[i]->start(); });
  }
  std::promise<void> started;
  runtime_.shard(0).post([&] {
    background_->spawn(housekeeping_->run(*background_));
    background_->spawn(keep_limits(runtime_.shard(0), *background_, *limit_storage_));
    background_->spawn(count_queue(*background_));
    background_->spawn(reputation_->run(*background_));
    background_->spawn(notifier_->run(*background_));
    background_->spawn(reply_rules_->run(runtime_.shard(0), *background_));
    admin_->start();
    started.set_value();
  });
  started.get_future().wait();
  smtp_->start();
  log_.info("bulkhead {} serves as {}", kVersion, configuration_.node.name);
  return {};
}

void RunningNode::stop() {
  if (is_stopped_ || !is_started_) return;
  is_stopped_ = true;
  log_.info("stopping: no new connections, what is in progress may finish");
  run_on_all([&](std::size_t shard) { return smtp_->stop(shard, kSessionGrace); });
  run_on(0, [&] { return queue_->drain(runtime_.shard(0), kDeliveryGrace); });
  run_on_all([&](std::size_t shard) { return couriers_[shard]->stop(); });
  run_on(0, [&] { return admin_->stop(); });
  run_on(0, [&]() -> Task<void> {
    background_->cancel();
    return background_->join();
  });
  run_on(0, [&] { return save_reputation(); });
  is_started_ = false;
  host_.reset();
  trace_->close();
  (void)limit_storage_->save_and_wait();  // says itself why it failed
  store_->close();
  metrics_.withdraw_providers();
  runtime_.stop();
  log_.info("stopped");
}

std::map<std::string, std::uint64_t> RunningNode::sessions() {
  std::map<std::string, std::uint64_t> counts;
  for (const auto kind :
       {smtpd::ListenerKind::kSmtp, smtpd::ListenerKind::kSubmission, smtpd::ListenerKind::kSubmissions}) {
    counts[std::string{smtpd::to_string(kind)}] = smtp_->census().open(kind);
  }
  return counts;
}

std::map<std::string, std::uint64_t> RunningNode::queue_counts() {
  return {{"ready", queue_ready_}, {"active", queue_active_}, {"scheduled", queue_scheduled_}, {"held", queue_held_}};
}

}  // namespace

Result<std::unique_ptr<Node>> Node::open(const Configuration& configuration, CertificateReader* configured, Log& log) {
  auto node = std::make_unique<RunningNode>(configuration, configured, log);
  if (auto opened = node->open(); !opened) return fail(opened.error());
  return node;
}

}  // namespace bulkhead::app

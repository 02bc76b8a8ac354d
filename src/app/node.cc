#include "src/app/node.h"

#include <filesystem>
#include <future>
#include <vector>

#include "src/app/admin_servers.h"
#include "src/app/dispatch.h"
#include "src/app/firewall_readings.h"
#include "src/app/foundation.h"
#include "src/app/gauges.h"
#include "src/app/housekeeping.h"
#include "src/app/limit_gauges.h"
#include "src/app/limit_keeping.h"
#include "src/app/live_settings.h"
#include "src/app/mail_intake.h"
#include "src/app/oversight.h"
#include "src/app/port_check.h"
#include "src/app/privileges.h"
#include "src/app/reputation_gauges.h"
#include "src/app/settings.h"
#include "src/app/shard_runs.h"
#include "src/app/version.h"
#include "src/smtpd/server.h"

namespace bulkhead::app {

namespace {

// With the grace of deliveries below what the systemd unit waits for.
constexpr std::chrono::milliseconds kSessionGrace{20000};

class RunningNode final : public Node {
 public:
  RunningNode(const Configuration& configuration, CertificateReader* configured, Log& log)
      : configuration_(configuration),
        log_(log),
        foundation_(configuration, configured, log),
        oversight_(foundation_,
                   [this](TenantId tenant, AccountId account) {
                     if (smtp_) smtp_->end_sessions(tenant, account);
                   }),
        dispatch_(foundation_, oversight_) {}
  ~RunningNode() override { stop(); }

  Status open();
  Status start() override;
  Status reload_certificate() override { return foundation_.certificates->reload(); }
  Status change(const Configuration& configuration) override;
  void stop() override;

 private:
  void follow_sources();
  void make_smtp();
  void make_admin();
  admin::AdminServices admin_services();
  void provide_readings();
  Status bind();
  Status make_socket_directory();
  std::map<std::string, std::uint64_t> sessions();

  Configuration configuration_;  // changed by the main thread; nobody else reads what may change
  Log& log_;
  Foundation foundation_;
  Oversight oversight_;
  Dispatch dispatch_;
  std::unique_ptr<net::TlsServerContexts> tls_;
  std::unique_ptr<MailIntake> intake_;
  std::unique_ptr<smtpd::SmtpServer> smtp_;
  std::unique_ptr<admin::AdminServices> services_;
  std::unique_ptr<AdminServers> admin_;
  std::unique_ptr<net::TaskGroup> background_;
  std::unique_ptr<Housekeeping> housekeeping_;
  bool is_started_ = false;
  bool is_stopped_ = false;
};

Status RunningNode::open() {
  if (auto opened = foundation_.open(configuration_); !opened) return opened;
  if (auto opened = oversight_.open(configuration_); !opened) return opened;
  if (auto opened = dispatch_.open(configuration_); !opened) return opened;
  oversight_.connect(dispatch_.queue(), configuration_);
  follow_sources();
  make_smtp();
  make_admin();
  provide_readings();
  if (auto bound = bind(); !bound) return bound;
  if (auto given = give_to_user(configuration_.node.data, configuration_.node.user); !given) return given;
  const bool marks = configuration_.firewall.marks;
  auto dropped = drop_privileges(configuration_.node.user, marks ? Kept::kMarking : Kept::kNothing);
  return dropped && marks ? net::may_mark_sockets() : dropped;
}

// A source address that comes or goes wakes what waits for one.
void RunningNode::follow_sources() {
  foundation_.host->on_change([this] { dispatch_.sources_changed(); });
  foundation_.live->on_change([this](const tenants::SnapshotPtr& snapshot) {
    oversight_.directory_changed();  // first: until then a new address is not withheld
    foundation_.certificates->update(snapshot);
    if (foundation_.marks != nullptr) foundation_.marks->update(*snapshot);
    dispatch_.sources_changed();
  });
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
  configuration_.monitor = after.monitor;
  if (configuration_.notify != after.notify) {
    configuration_.notify = after.notify;
    if (auto changed = oversight_.change(after.notify); !changed) {
      log_.warning("configuration: the webhook stays as it was: {}", changed.error().message);
    }
  }
  make_hold(configuration_, change,
            {foundation_.runtime, *smtp_, dispatch_.queue(), dispatch_.sites(), dispatch_.couriers(),
             dispatch_.resolvers(), oversight_.monitor()});
  log_.info("configuration: {} changed", fmt::join(change.live, ", "));
  return {};
}

void RunningNode::make_smtp() {
  tls_ = std::make_unique<net::TlsServerContexts>([this](std::string_view name, const SocketAddress& arrival) {
    return foundation_.certificates->choose(name, arrival);
  });
  intake_ = std::make_unique<MailIntake>(
      MailIntake::Parts{dispatch_.queue(), *foundation_.store, *foundation_.mailboxes, foundation_.pool});
  smtp_ = std::make_unique<smtpd::SmtpServer>(
      smtpd::SmtpServer::Parts{.runtime = foundation_.runtime,
                               .directory = *foundation_.live,
                               .intake = *intake_,
                               .trace = *foundation_.counted_trace,
                               .clock = foundation_.clock,
                               .random = foundation_.random,
                               .log = log_,
                               .node_name = configuration_.node.name,
                               .tls = tls_.get(),
                               .settings = smtpd_settings(configuration_),
                               .limiter = foundation_.limiter.get(),
                               .reports = [this](std::size_t shard) { return &oversight_.reputation().reports(shard); },
                               .restrictions = &oversight_.restrictions()});
}

admin::AdminServices RunningNode::admin_services() {
  return {*foundation_.directory,
          *foundation_.live,
          foundation_.admin_pool,
          dispatch_.queue(),
          *foundation_.store,
          *foundation_.trace,
          *foundation_.mailboxes,
          *foundation_.host,
          foundation_.clock,
          foundation_.random,
          log_,
          configuration_.node.name,
          kVersion,
          foundation_.clock.steady(),
          [this](std::size_t shard) -> net::Resolver& { return *dispatch_.resolvers()[shard]; },
          [this] { return sessions(); },
          [this](std::string_view group, int status) { foundation_.metrics.api_request(group, status); },
          foundation_.limiter.get(),
          [this](const tenants::Limit& limit) { return dispatch_.sites().open_connections(limit); },
          &oversight_.reputation(),
          &oversight_.monitor(),
          &foundation_.tenants_pool,
          &oversight_.webhooks()};
}

void RunningNode::make_admin() {
  services_ = std::make_unique<admin::AdminServices>(admin_services());
  AdminServers::Parts parts{
      .shard = foundation_.runtime.shard(0),
      .services = *services_,
      .tls = *tls_,
      .metrics = [this] { return foundation_.metrics.exposition(); },
      .operator_uid = uid_after_drop(configuration_.node.user),
      .on_handshake = [this](bool is_done) { foundation_.metrics.tls_handshake("https", is_done ? "ok" : "failed"); }};
  admin_ = std::make_unique<AdminServers>(std::move(parts));
}

void RunningNode::provide_readings() {
  auto& metrics = foundation_.metrics;
  provide_gauges(metrics, {.store = *foundation_.store,
                           .trace = *foundation_.trace,
                           .directory = *foundation_.live,
                           .host = *foundation_.host,
                           .sessions = [this] { return sessions(); },
                           .queue = [this] { return dispatch_.counts(); },
                           .queue_max = [this] { return dispatch_.queue().deliveries_max(); },
                           .smtp = [this]() -> const smtpd::Counters& { return smtp_->census().counters(); }});
  metrics.provide(monitoring::Metric::kHttpConnectionsRefused, [this](const monitoring::Metrics::Emit& emit) {
    for (const auto& one : admin_->refused()) {
      emit({one.listener, "full"}, static_cast<double>(one.turned_away));
      emit({one.listener, "too-slow"}, static_cast<double>(one.cut_off));
    }
  });
  provide_firewall_readings(metrics, configuration_.node.data, foundation_.clock);
  provide_limit_gauges(metrics, {*foundation_.limiter, *foundation_.limit_storage, dispatch_.sites()});
  provide_reputation_gauges(metrics, oversight_.reputation(), oversight_.reply_rules());
  provide_webhook_gauges(metrics, oversight_.webhooks());
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

Status RunningNode::start() {
  auto& shard = foundation_.runtime.shard(0);
  foundation_.runtime.start();
  is_started_ = true;
  background_ = std::make_unique<net::TaskGroup>(shard, log_);  // also when the next step fails: stop() joins it
  if (auto started = dispatch_.start(); !started) return started;
  housekeeping_ = std::make_unique<Housekeeping>(Housekeeping::Parts{shard, foundation_.pool, *foundation_.store,
                                                                     *foundation_.trace, *foundation_.directory,
                                                                     foundation_.clock, log_});
  std::promise<void> started;
  shard.post([&] {
    background_->spawn(housekeeping_->run(*background_));
    background_->spawn(keep_limits(shard, *background_, *foundation_.limit_storage));
    background_->spawn(dispatch_.count(*background_));
    oversight_.start(*background_);
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
  auto& shard = foundation_.runtime.shard(0);
  run_on_each(foundation_.runtime, log_, [this](std::size_t each) { return smtp_->stop(each, kSessionGrace); });
  dispatch_.stop();
  run_and_wait(shard, log_, [this] { return admin_->stop(); });
  run_and_wait(shard, log_, [this]() -> Task<void> {
    background_->cancel();
    return background_->join();
  });
  run_and_wait(shard, log_, [this] { return oversight_.save(); });
  oversight_.stop();
  foundation_.close();
  foundation_.runtime.stop();
  log_.info("stopped");
}

std::map<std::string, std::uint64_t> RunningNode::sessions() {
  using smtpd::ListenerKind;
  std::map<std::string, std::uint64_t> counts;
  for (const auto kind : {ListenerKind::kSmtp, ListenerKind::kSubmission, ListenerKind::kSubmissions}) {
    counts[std::string{smtpd::to_string(kind)}] = smtp_->census().open(kind);
  }
  return counts;
}

}  // namespace

Result<std::unique_ptr<Node>> Node::open(const Configuration& configuration, CertificateReader* configured, Log& log) {
  auto node = std::make_unique<RunningNode>(configuration, configured, log);
  if (auto opened = node->open(); !opened) return fail(opened.error());
  return node;
}

}  // namespace bulkhead::app

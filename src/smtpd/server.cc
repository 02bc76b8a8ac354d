#include "src/smtpd/server.h"

#include <unordered_set>

#include "src/base/check.h"
#include "src/smtpd/session.h"

namespace bulkhead::smtpd {

namespace {

// How often stop() looks whether the sessions have ended.
constexpr std::chrono::milliseconds kDrainStep{20};

class ShardPacer final : public Pacer {
 public:
  ShardPacer(net::Shard& shard, net::TaskGroup& group) : shard_(shard), group_(group) {}
  Task<bool> pause(std::chrono::milliseconds delay) override { return shard_.sleep(delay, group_); }

 private:
  net::Shard& shard_;
  net::TaskGroup& group_;
};

}  // namespace

// One shard's part of the server, touched only there.
struct SmtpServer::Worker {
  Worker(net::Shard& its_shard, Parts& parts, Census& census, SignInGuard& guard)
      : shard(its_shard),
        group(shard, parts.log),
        timers(shard, parts.log),
        pacer(shard, group),
        settings(parts.settings),
        services{shard,
                 parts.directory,
                 parts.intake,
                 parts.trace,
                 parts.clock,
                 parts.random,
                 parts.log,
                 census,
                 guard,
                 pacer,
                 settings,
                 parts.node_name,
                 parts.tls,
                 parts.limiter,
                 parts.reports ? parts.reports(shard.index()) : nullptr,
                 parts.restrictions} {}

  void accept(std::unique_ptr<net::Stream> stream, ListenerKind kind) { group.spawn(serve(std::move(stream), kind)); }
  Task<void> serve(std::unique_ptr<net::Stream> stream, ListenerKind kind);

  net::Shard& shard;
  net::TaskGroup group;
  net::TaskGroup timers;  // stop() itself waits in this one
  ShardPacer pacer;
  Settings settings;
  SmtpServices services;
  BufferPool buffers;
  std::unordered_set<Session*> sessions;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  bool is_stopping = false;
};

Task<void> SmtpServer::Worker::serve(std::unique_ptr<net::Stream> stream, ListenerKind kind) {
  if (is_stopping) co_return;
  net::Stream* const socket = stream.get();
  const net::TaskGroup::CancelHook hook{group, [socket] { socket->cancel(); }};
  Session session{services, buffers, *stream, kind};
  sessions.insert(&session);
  co_await session.run();
  sessions.erase(&session);
}

struct SmtpServer::Impl {
  explicit Impl(Parts its_parts)
      : parts(std::move(its_parts)), census(parts.settings), guard(parts.settings, parts.clock) {}

  Parts parts;
  Census census;
  SignInGuard guard;
  std::vector<std::unique_ptr<Worker>> workers;
};

SmtpServer::SmtpServer(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {
  auto& runtime = impl_->parts.runtime;
  for (std::size_t i = 0; i < runtime.size(); ++i) {
    impl_->workers.push_back(std::make_unique<Worker>(runtime.shard(i), impl_->parts, impl_->census, impl_->guard));
  }
}

SmtpServer::~SmtpServer() = default;

Status SmtpServer::listen(const std::vector<Endpoint>& endpoints) {
  for (const auto& endpoint : endpoints) {
    SocketAddress address = endpoint.address;
    for (auto& worker : impl_->workers) {
      Worker* const own = worker.get();
      auto listener = net::Listener::tcp(
          own->shard, address,
          [own, kind = endpoint.kind](std::unique_ptr<net::Stream> stream) { own->accept(std::move(stream), kind); },
          &impl_->parts.log);
      if (!listener) return fail(std::move(listener.error()));
      address = (*listener)->local();
      own->listeners.push_back(std::move(*listener));
    }
  }
  return {};
}

void SmtpServer::start() {
  for (auto& worker : impl_->workers) {
    Worker* const own = worker.get();
    own->shard.post([own] {
      for (auto& listener : own->listeners) listener->start();
    });
  }
}

void SmtpServer::change_settings(const Settings& settings) {
  impl_->census.change_settings(settings);
  impl_->guard.change_settings(settings);
  for (auto& worker : impl_->workers) {
    Worker* const own = worker.get();
    own->shard.post([own, settings] { own->settings = settings; });
  }
}

Task<void> SmtpServer::stop(std::size_t shard, std::chrono::milliseconds grace) {
  Worker& worker = *impl_->workers.at(shard);
  worker.is_stopping = true;
  for (auto& listener : worker.listeners) listener->stop();
  const std::vector<Session*> open{worker.sessions.begin(), worker.sessions.end()};
  for (auto* session : open) session->drain();
  for (auto waited = std::chrono::milliseconds{0}; worker.group.size() > 0 && waited < grace; waited += kDrainStep) {
    co_await worker.shard.sleep(kDrainStep, worker.timers);
  }
  worker.group.cancel();
  co_await worker.group.join();
}

void SmtpServer::end_sessions(TenantId tenant, AccountId account) {
  for (auto& worker : impl_->workers) {
    Worker* const own = worker.get();
    own->shard.post([own, tenant, account] {
      for (auto* session : own->sessions) {
        const auto& who = session->signed_in();
        if (who && who->account.tenant == tenant && (account.is_nil() || who->account.id == account)) {
          session->dismiss(smtp::Reply(421, "4.7.0", "Sending from your account is stopped: contact your provider"));
        }
      }
    });
  }
}

std::vector<SocketAddress> SmtpServer::endpoints() const {
  std::vector<SocketAddress> addresses;
  for (const auto& listener : impl_->workers.front()->listeners) addresses.push_back(listener->local());
  return addresses;
}

Census& SmtpServer::census() {
  return impl_->census;
}

}  // namespace bulkhead::smtpd

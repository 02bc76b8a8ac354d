// A courier with everything around it: real shard and sockets, the rest from memory.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "src/delivery/courier.h"
#include "src/delivery/message_signer.h"
#include "src/delivery/site.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/shard_runner.h"

namespace bulkhead::delivery {

class TableResolver final : public net::Resolver {
 public:
  template <class T>
  using Table = std::map<std::string, Result<std::vector<T>>>;

  Task<Result<std::vector<net::MxRecord>>> mx(std::string domain) override {
    ++lookups;
    co_return find(mx_records, domain);
  }
  Task<Result<std::vector<IpAddress>>> addresses(std::string host, Family family) override {
    ++lookups;
    co_return find(family == Family::kIpv6 ? v6 : v4, host);
  }
  Task<Result<std::vector<std::string>>> txt(std::string) override { co_return fail(ErrorCode::kNotFound, "none"); }
  Task<Result<std::vector<std::string>>> ptr(IpAddress) override { co_return fail(ErrorCode::kNotFound, "none"); }

  Table<net::MxRecord> mx_records;
  Table<IpAddress> v4, v6;
  std::size_t lookups = 0;

 private:
  template <class T>
  static Result<std::vector<T>> find(const Table<T>& table, const std::string& name) {
    const auto found = table.find(name);
    if (found == table.end()) return fail(ErrorCode::kNotFound, "no such name");
    return found->second;
  }
};

class TableDirectory final : public tenants::LiveDirectory {
 public:
  tenants::SnapshotPtr snapshot() const override { return snapshot_; }
  using LiveDirectory::refresh;
  Status refresh(const tenants::Touched&) override { return {}; }
  void on_change(std::function<void(const tenants::SnapshotPtr&)>) override {}
  Task<Result<tenants::Resolution>> resolve(net::Shard&, mail::Address) override { co_return resolution; }
  Task<Result<std::optional<tenants::Account>>> account_by_address(net::Shard&, mail::Address address) override {
    for (const auto& [id, account] : accounts) {
      if (account.address == address) co_return std::optional<tenants::Account>{account};
    }
    co_return std::optional<tenants::Account>{};
  }
  Task<Result<std::optional<tenants::Account>>> account_by_id(net::Shard&, AccountId id) override {
    if (is_away) co_return fail(ErrorCode::kUnavailable, "the database is away");
    const auto found = accounts.find(id);
    if (found == accounts.end()) co_return std::optional<tenants::Account>{};
    co_return std::optional<tenants::Account>{found->second};
  }
  Task<Result<std::optional<tenants::Account>>> sign_in(net::Shard&, mail::Address, Secret) override {
    co_return std::optional<tenants::Account>{};
  }
  Task<Result<bool>> may_send_as(net::Shard&, tenants::Account, mail::Address) override { co_return false; }

  // Makes what `rows` holds the snapshot.
  void publish() {
    ++rows.version;
    snapshot_ = std::make_shared<const tenants::Snapshot>(rows, std::vector<tenants::Account>{});
  }

  tenants::DirectorySnapshotRows rows;
  std::map<AccountId, tenants::Account> accounts;
  Result<tenants::Resolution> resolution = fail(ErrorCode::kNotFound, "not in this test");
  bool is_away = false;

 private:
  tenants::SnapshotPtr snapshot_;
};

class TableHostAddresses final : public netpolicy::HostAddressMonitor {
 public:
  std::shared_ptr<const netpolicy::HostAddresses> current() const override {
    const std::lock_guard lock{mutex_};
    return addresses_;
  }
  void on_change(std::function<void()>) override {}
  void set(netpolicy::HostAddresses addresses) {
    const std::lock_guard lock{mutex_};
    addresses_ = std::make_shared<const netpolicy::HostAddresses>(std::move(addresses));
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const netpolicy::HostAddresses> addresses_ = std::make_shared<netpolicy::HostAddresses>();
};

class SilentTrace final : public trace::Trace {
 public:
  void encode_into(store::Batch& batch, const trace::Event& event) override {
    batch.put(store::Family::kTrace, event.id.text(), std::string{to_string(event.kind)});
  }
  void record(trace::Event) override {}
  void publish(const trace::Event&) override { ++published; }
  Result<std::vector<trace::Event>> search(const trace::Query&) const override { return std::vector<trace::Event>{}; }
  Result<std::vector<trace::Event>> of_message(const MessageId&) const override { return std::vector<trace::Event>{}; }
  Result<std::vector<trace::Event>> of_message(const TenantId&, const MessageId&) const override {
    return std::vector<trace::Event>{};
  }
  std::shared_ptr<void> follow(trace::Query, std::function<void(const trace::Event&)>) override { return {}; }
  Result<Verification> verify() const override { return Verification{}; }
  Status settle() override { return {}; }
  Status flush() override { return {}; }
  void close() override {}
  Usage usage() const override { return {}; }
  int published = 0;
};

// Jobs in, outcomes out. Filled on the test's thread, used on the shard.
class ScriptedQueue final : public queue::ShardQueue {
 public:
  explicit ScriptedQueue(store::Store& store) : store_(store) {}

  Task<std::optional<queue::Job>> take(queue::LaneKey lane, Worker) override {
    const std::lock_guard lock{mutex_};
    auto& jobs = jobs_[lane];
    if (jobs.empty()) co_return std::nullopt;
    queue::Job job = std::move(jobs.front());
    jobs.pop_front();
    co_return job;
  }
  Task<bool> finish(queue::Job job, queue::Outcome outcome) override {
    const std::lock_guard lock{mutex_};
    store::Transaction transaction;
    transaction.batch = outcome.batch;
    bool is_durable = false;
    store_.commit(std::move(transaction), [&](Result<store::Committed> done) { is_durable = done.has_value(); });
    outcomes_.emplace_back(job.key, std::move(outcome));
    changed_.notify_all();
    co_return is_durable;
  }
  void worker_ended(const queue::LaneKey&) override {
    const std::lock_guard lock{mutex_};
    ++ended_;
    changed_.notify_all();
  }

  void add(const queue::LaneKey& lane, queue::Job job) {
    const std::lock_guard lock{mutex_};
    jobs_[lane].push_back(std::move(job));
  }
  void wait_for_workers(std::size_t ended) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return ended_ >= ended; }));
  }
  bool wait_for_outcomes(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return outcomes_.size() >= count; });
  }
  std::vector<std::pair<queue::DeliveryKey, queue::Outcome>> outcomes() const {
    const std::lock_guard lock{mutex_};
    return outcomes_;
  }
  queue::Outcome outcome_of(const queue::Job& job) const {
    const std::lock_guard lock{mutex_};
    for (const auto& [key, outcome] : outcomes_) {
      if (key == job.key) return outcome;
    }
    ADD_FAILURE() << "no outcome of " << job.key.message.text();
    return {};
  }

 private:
  store::Store& store_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<queue::LaneKey, std::deque<queue::Job>> jobs_;
  std::vector<std::pair<queue::DeliveryKey, queue::Outcome>> outcomes_;
  std::size_t ended_ = 0;
};

// One tenant "acme" with the source address 127.0.0.77, and a route for "*" to wherever a test says.
class World {
 public:
  explicit World(Settings given = {}) : settings(std::move(given)) {
    if (settings.node_name.empty()) settings.node_name = "node.example";
    tenant = TenantId::make(clock, random);
    directory.rows.tenants.push_back({});
    directory.rows.tenants.back().id = tenant;
    directory.rows.tenants.back().name = "acme";
    add_source("127.0.0.77", "acme.example");
    directory.publish();
    netpolicy::HostAddresses present;
    present.local_networks = {*IpNetwork::parse("127.0.0.0/8")};
    host_addresses.set(present);
  }
  ~World() {
    if (courier) runner.run(courier->stop());
    runner.call([this] { courier.reset(); });
  }

  void add_source(const char* ip, const char* helo) {
    tenants::SourceAddress address;
    address.id = AddressId::make(clock, random);
    address.ip = *IpAddress::parse(ip);
    address.tenant = tenant;
    address.helo = helo;
    directory.rows.addresses.push_back(address);
  }
  void route_all_to(std::uint16_t port, tenants::RouteTls tls = tenants::RouteTls::kOpportunistic) {
    tenants::Route route;
    route.id = RouteId::make(clock, random);
    route.pattern = "*";
    route.host = "127.0.0.1";
    route.port = port;
    route.tls = tls;
    directory.rows.routes = {route};
    directory.publish();
  }
  queue::LaneKey lane(std::string site = "site") const { return {tenant, *IpAddress::parse("127.0.0.77"), site}; }

  std::shared_ptr<queue::Message> message(std::string_view body, std::vector<std::string> recipients) {
    auto message = std::make_shared<queue::Message>();
    message->id = MessageId::make(clock, random);
    message->tenant = tenant;
    message->arrival = {*IpAddress::parse("127.0.0.77"), 25};
    message->sender.address = mail::Address{"alice", "acme.example"};
    for (const auto& text : recipients) {
      queue::QueuedRecipient recipient;
      recipient.recipient.address = *mail::Address::parse(text);
      message->recipients.push_back(std::move(recipient));
    }
    message->queued_at = clock.now();
    message->body = keep(body);
    message->size = body.size();
    return message;
  }
  store::BlobRef keep(std::string_view body) {
    store::Transaction transaction;
    transaction.blobs.push_back({store.new_blob(), 1});
    EXPECT_TRUE(transaction.blobs[0].writer->append(body));
    store::BlobRef ref;
    store.commit(std::move(transaction), [&ref](Result<store::Committed> done) {
      if (done && !done->blobs.empty()) ref = done->blobs.front();
    });
    return ref;
  }
  static queue::Job job_of(std::shared_ptr<queue::Message> message) {
    queue::Job job;
    job.key.message = message->id;
    for (std::uint16_t i = 0; i < message->recipients.size(); ++i) job.recipients.push_back(i);
    job.domain = message->recipients[0].recipient.address.domain;
    job.message = std::move(message);
    return job;
  }
  // A job with a small message to `recipients`, waiting in the lane.
  queue::Job post(std::vector<std::string> recipients, std::string_view body = "Subject: x\r\n\r\nhello\r\n") {
    queue::Job job = job_of(message(body, std::move(recipients)));
    queue.add(lane(), job);
    return job;
  }
  // Starts a worker and waits until it has ended and all outcomes are there.
  void work(queue::LaneKey key, std::size_t outcomes) {
    if (!courier) make_courier();
    runner.call([&] { courier->start_worker(key); });
    queue.wait_for_workers(++workers_);
    EXPECT_TRUE(queue.wait_for_outcomes(outcomes));
  }
  void work(std::size_t outcomes) { work(lane(), outcomes); }
  void make_courier() {
    Parts parts{runner.shard(), pool,    resolver, queue,  directory, host_addresses, store, *mailboxes,
                trace,          metrics, clock,    random, log};
    parts.feedback = desk;
    parts.signer = signer;
    runner.call([&] { courier = std::make_unique<Courier>(parts, settings); });
  }

  SystemClock clock;
  SystemRandom random;
  testlib::RecordingLog log;
  testlib::ShardRunner runner;
  net::BlockingPool pool{1, 100};
  testlib::FakeStore store;
  std::unique_ptr<mailbox::Mailboxes> mailboxes = mailbox::Mailboxes::make(store);
  monitoring::Metrics metrics{{}, clock};
  SilentTrace trace;
  TableResolver resolver;
  TableDirectory directory;
  TableHostAddresses host_addresses;
  ScriptedQueue queue{store};
  Settings settings;
  TenantId tenant;
  FeedbackDesk* desk = nullptr;           // set before the first work
  const MessageSigner* signer = nullptr;  // likewise
  std::unique_ptr<Courier> courier;

 private:
  std::size_t workers_ = 0;
};

}  // namespace bulkhead::delivery

// A queue with everything around it faked: store in memory, a carrier that follows a script, a clock that a test moves.
//
// The store outlives the queue, so that a test can "crash" and start again on what was committed.
#pragma once

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "src/queue/queue.h"
#include "src/queue/records.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/recording_log.h"

namespace bulkhead::queue {

// A clock that several threads may read while the test moves it.
class MovableClock final : public Clock {
 public:
  UtcTime now() const override { return UtcTime{std::chrono::microseconds{wall_.load()}}; }
  SteadyTime steady() const override { return SteadyTime{std::chrono::microseconds{steady_.load()}}; }
  void advance(std::chrono::microseconds by) {
    wall_ += by.count();
    steady_ += by.count();
  }
  void step(std::chrono::microseconds by) { wall_ += by.count(); }  // the wall clock jumps

 private:
  std::atomic<std::int64_t> wall_{1767225600000000};  // 2026-01-01
  std::atomic<std::int64_t> steady_{3600000000};
};

// SeededRandom for several threads. Each makes numbers of its own: a second world over the first one's store must not
// make the ids of the first again.
class SharedRandom final : public Random {
 public:
  void fill(std::span<char> bytes) override {
    const std::lock_guard lock{mutex_};
    random_.fill(bytes);
  }

 private:
  static inline std::atomic<std::uint64_t> made_{7};

  std::mutex mutex_;
  SeededRandom random_{made_++};
};

// Keeps events in the batch's own commit: what the store holds is what the trace would show.
class FakeTrace final : public trace::Trace {
 public:
  void encode_into(store::Batch& batch, const trace::Event& event) override {
    batch.put(store::Family::kTrace, "e" + std::to_string(1000000 + next_++), line(event));
  }
  void record(trace::Event event) override {
    const std::lock_guard lock{mutex_};
    recorded_.push_back(line(event));
  }
  void publish(const trace::Event& event) override { record(event); }
  Result<std::vector<trace::Event>> search(const trace::Query&) const override { return std::vector<trace::Event>{}; }
  Result<std::vector<trace::Event>> of_message(const MessageId&) const override { return std::vector<trace::Event>{}; }
  Result<std::vector<trace::Event>> of_message(const TenantId&, const MessageId&) const override {
    return std::vector<trace::Event>{};
  }
  Status flush() override { return {}; }
  Usage usage() const override { return {}; }
  std::shared_ptr<void> follow(trace::Query, std::function<void(const trace::Event&)>) override { return nullptr; }
  Result<Verification> verify() const override { return Verification{}; }
  Status settle() override { return {}; }
  void close() override {}

  // Lines of recorded and published events that contain `part`.
  std::size_t count(std::string_view part) const {
    const std::lock_guard lock{mutex_};
    std::size_t n = 0;
    for (const auto& text : recorded_) n += text.find(part) != std::string::npos;
    return n;
  }

 private:
  static std::string line(const trace::Event& event) {
    std::string text = "kind=" + std::to_string(static_cast<int>(event.kind)) + " id=" + event.id.text();
    for (const auto& recipient : event.recipients) text += " rcpt=" + recipient;
    return text + " reply=" + event.reply + " detail=" + event.detail + " site=" + event.site + ";";
  }
  inline static std::atomic<std::uint64_t> next_{0};  // goes on after a restart, as the store's keys do
  mutable std::mutex mutex_;
  std::vector<std::string> recorded_;
};

// Workers that ask a script what became of each job.
class ScriptedCarrier final : public Carrier {
 public:
  using Script = std::function<Outcome(const Job&)>;
  ScriptedCarrier(net::Shard& shard, ShardQueue& queue, Script script, Log& log)
      : shard_(shard), queue_(queue), script_(std::move(script)), group_(shard, log) {}

  Task<std::string> site_of(net::Shard&, TenantId, std::string domain) override {
    ++lookups;
    co_return (is_rerouted ? "new-site-of-" : "site-of-") + domain;
  }
  bool leads_elsewhere(const LaneKey& lane, const std::string&) const override { return is_old(lane); }
  bool is_abandoned(const LaneKey& lane) const override { return is_old(lane); }
  void start_worker(LaneKey lane) override {
    ++started;
    group_.spawn(work(std::move(lane)));
  }
  net::TaskGroup& group() { return group_; }
  std::atomic<int> started{0}, lookups{0};
  std::atomic<bool> is_rerouted{false};  // sites have new names

 private:
  bool is_old(const LaneKey& lane) const { return is_rerouted && lane.site.starts_with("site-of-"); }
  Task<void> work(LaneKey lane) {
    for (;;) {
      auto taking = queue_.take(lane, ShardQueue::Worker::kFree);
      auto job = co_await std::move(taking);
      if (!job) break;
      Outcome outcome = script_(*job);
      auto finishing = queue_.finish(std::move(*job), std::move(outcome));
      co_await std::move(finishing);
    }
    queue_.worker_ended(lane);
  }

  net::Shard& shard_;
  ShardQueue& queue_;
  Script script_;
  net::TaskGroup group_;
};

inline mail::Address address_of(const std::string& text) {
  const auto at = text.find('@');
  return {text.substr(0, at), text.substr(at + 1)};
}

// Everybody delivered, deferred or failed with one answer.
inline Outcome all(const Job& job, Fate fate, int code, std::string text) {
  Outcome outcome;
  outcome.remote = "mx." + job.domain + "[192.0.2.1]:25";
  outcome.remote_mta = "mx." + job.domain;
  for (const auto recipient : job.recipients) {
    RecipientOutcome one;
    one.recipient = recipient;
    one.fate = fate;
    one.answer.code = code;
    one.answer.text = text;
    outcome.recipients.push_back(one);
  }
  return outcome;
}
inline Outcome delivered(const Job& job) {
  return all(job, Fate::kDelivered, 250, "ok");
}

// What a queue may ask besides its script.
struct WorldHooks {
  Gate* gate = nullptr;
  std::function<bool(const AccountId&)> is_account_suspended = {};
  std::function<std::optional<IpAddress>(const LaneKey&)> source_preview = {};
  std::function<std::vector<IpAddress>(const LaneKey&)> sources_of = {};
  std::function<void(const Unpaced&)> on_unpaced = {};  // paced mail that an order has ended
  std::chrono::seconds clock_ahead{0};                  // of all worlds' common start
};

class QueueWorld {
 public:
  QueueWorld(testlib::FakeStore& store, ScriptedCarrier::Script script, RetryPolicy retry = {}, std::size_t shards = 2,
             WorldHooks hooks = {})
      : hooks_(std::move(hooks)), runtime_(shards), pool_(2, 1000), store_(store) {
    clock.step(hooks_.clock_ahead);
    Queue::Parts parts{runtime_,   pool_, store, trace,    clock, random_,     log,
                       "mx1.test", retry, {},    resolve_, {},    on_progress_};
    parts.gate = hooks_.gate;
    parts.source_preview = hooks_.source_preview;
    parts.sources_of = hooks_.sources_of;
    if (hooks_.is_account_suspended) {
      parts.account_suspension = [this](net::Shard&, AccountId id) { return suspension_of(id); };
    }
    if (hooks_.on_unpaced) {
      parts.give_back_pace = [this](net::Shard&, std::vector<Unpaced> unpaced) { return tell(std::move(unpaced)); };
    }
    parts.account_of = [](net::Shard&, std::string name) { return account_named(std::move(name)); };
    queue_ = Queue::make(std::move(parts));
    for (std::size_t i = 0; i < shards; ++i) {
      carriers.push_back(std::make_unique<ScriptedCarrier>(runtime_.shard(i), queue_->shard_queue(i), script, log));
      queue_->set_carrier(i, *carriers.back());
    }
    runtime_.start();
    EXPECT_TRUE(queue_->start());
  }
  ~QueueWorld() { stop(); }

  void stop() {
    if (is_stopped_) return;
    is_stopped_ = true;
    run(queue_->drain(shard(), std::chrono::milliseconds{0}));
    for (std::size_t i = 0; i < carriers.size(); ++i) run_on(i, carriers[i]->group().join());
    runtime_.stop();
  }

  Queue& queue() { return *queue_; }
  net::Shard& shard(std::size_t index = 0) { return runtime_.shard(index); }

  template <class T>
  T run(Task<T> task) {
    return run_on(0, std::move(task));
  }
  template <class T>
  T run_on(std::size_t index, Task<T> task) {
    std::promise<T> promise;
    auto future = promise.get_future();
    net::Shard& there = shard(index);
    net::TaskGroup group{there, log};
    there.post([&] { group.spawn(deliver(std::move(task), promise)); });
    if constexpr (std::is_void_v<T>) {
      future.get();
      settle(there);
    } else {
      T value = future.get();
      settle(there);
      return value;
    }
  }
  // Polls until `condition` holds; a failure after ten seconds.
  template <class F>
  bool eventually(F condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < until) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // "outcome site", with " took" where the time of the attempt is known.
  std::vector<std::string> progress() {
    const std::lock_guard lock{progress_mutex_};
    return progress_;
  }
  Counts counts(Selector selector = {}) { return run(queue_->count(shard(), std::move(selector))); }
  bool drains() {
    return eventually([this] { return queue_->is_loaded() && counts().deliveries == 0; });
  }

  // A message for these recipients; "account:…" in front makes one local.
  Message message(const std::string& sender, const std::vector<std::string>& recipients) {
    Message made;
    made.id = MessageId::make(clock, random_);
    made.tenant = tenant;
    made.protocol = "smtp";
    made.arrival = {IpAddress::v4({192, 0, 2, 7}), 25};
    made.client_ip = IpAddress::v4({198, 51, 100, 9});
    if (!sender.empty()) made.sender.address = address_of(sender);
    for (const auto& text : recipients) {
      QueuedRecipient queued;
      const bool is_local = text.starts_with("local:");
      queued.recipient.address = address_of(is_local ? text.substr(6) : text);
      if (is_local) queued.local = AccountId::from_bytes(text.substr(6, 4) + "account-0001");
      made.recipients.push_back(queued);
    }
    made.subject = "A subject";
    return made;
  }
  Status accept(Message incoming, std::size_t on_shard = 0) {
    NewMessage made;
    made.message = std::move(incoming);
    made.body = store_.new_blob();
    EXPECT_TRUE(made.body->append("Subject: A subject\r\nX-Ledger: 1\r\n\r\nBody\r\n"));
    return run_on(on_shard, queue_->accept(shard(on_shard), std::move(made)));
  }
  Status accept(const std::string& sender, const std::vector<std::string>& recipients) {
    return accept(message(sender, recipients));
  }
  // The account of this name, which is also the sender.
  Status accept_of(const std::string& account, const std::vector<std::string>& recipients) {
    Message made = message(account, recipients);
    made.account = account_id(account);
    made.account_name = account;
    return accept(std::move(made));
  }
  static AccountId account_id(const std::string& name) {
    return AccountId::from_bytes((name + "----------------").substr(0, 16));
  }
  DirectiveAnswer direct(DirectiveAction action, Selector selector, bool and_future = false) {
    DirectiveOrder order;
    order.action = action;
    order.selector = std::move(selector);
    order.and_future = and_future;
    order.by = "root";
    return direct(std::move(order));
  }
  DirectiveAnswer direct(DirectiveOrder order) {
    auto answer = run(queue_->direct(shard(), std::move(order)));
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer ? *answer : DirectiveAnswer{};
  }
  std::vector<DirectiveView> directives() { return run(queue_->directives(shard())); }

  testlib::RecordingLog log;
  MovableClock clock;
  FakeTrace trace;
  TenantId tenant = TenantId::from_bytes("tenant-000000001");
  std::vector<std::unique_ptr<ScriptedCarrier>> carriers;

 private:
  Task<std::optional<std::string>> suspension_of(AccountId id) {
    std::optional<std::string> reason;
    if (hooks_.is_account_suspended(id)) reason = "the account is suspended";
    co_return reason;
  }
  Task<void> tell(std::vector<Unpaced> unpaced) {
    for (const auto& one : unpaced) hooks_.on_unpaced(one);
    co_return;
  }
  // Every name with an @ is an account's here.
  static Task<std::optional<AccountId>> account_named(std::string name) {
    std::optional<AccountId> id;
    if (name.find('@') != std::string::npos) id = account_id(name);
    co_return id;
  }
  template <class T>
  static Task<void> deliver(Task<T> task, std::promise<T>& promise) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise.set_value();
    } else {
      promise.set_value(co_await std::move(task));
    }
  }
  // The task's child has ended once what was posted after it has run.
  static void settle(net::Shard& shard) {
    std::promise<void> done;
    shard.post([&] { done.set_value(); });
    done.get_future().get();
  }
  static Task<Result<std::vector<QueuedRecipient>>> remote_sender(net::Shard&, TenantId, mail::Address address) {
    std::vector<QueuedRecipient> recipients(address.domain == "ours.test" ? 0 : 1);
    if (!recipients.empty()) recipients[0].recipient.address = address;
    co_return recipients;
  }

  const WorldHooks hooks_;
  SharedRandom random_;
  net::Runtime runtime_;
  net::BlockingPool pool_;
  testlib::FakeStore& store_;
  std::function<Task<Result<std::vector<QueuedRecipient>>>(net::Shard&, TenantId, mail::Address)> resolve_ =
      &QueueWorld::remote_sender;
  std::mutex progress_mutex_;
  std::vector<std::string> progress_;
  std::function<void(const Progress&)> on_progress_ = [this](const Progress& told) {
    const std::lock_guard lock{progress_mutex_};
    progress_.push_back(std::string{to_string(told.event.kind)} + " " + told.lane.site + (told.took ? " took" : ""));
  };
  std::unique_ptr<Queue> queue_;
  bool is_stopped_ = false;
};

}  // namespace bulkhead::queue

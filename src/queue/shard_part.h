// One shard's part of the queue: its lanes, the deliveries that workers hold, and the commits that end them.
// Touched only on its shard, except where it says otherwise.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "src/queue/core.h"
#include "src/queue/hot_messages.h"
#include "src/queue/ledger.h"
#include "src/queue/notices.h"
#include "src/queue/planner.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

class ShardPart final : public ShardQueue {
 public:
  ShardPart(Core& core, net::Shard& shard);

  Task<std::optional<Job>> take(LaneKey lane, Worker worker) override;
  Task<bool> finish(Job job, Outcome outcome) override;
  void worker_ended(const LaneKey& lane) override;

  void set_carrier(Carrier& carrier) { carrier_ = &carrier; }
  Carrier& carrier() { return *carrier_; }
  net::Shard& shard() { return shard_; }
  std::size_t index() const { return shard_.index(); }
  net::TaskGroup& group() { return *group_; }
  Scheduler& scheduler() { return scheduler_; }
  MessageLedger& ledger() { return ledger_; }
  Planner& planner() { return planner_; }
  // The message when it is in memory, otherwise null.
  MessagePtr at_hand(const MessageId& id) const { return hot_.peek(id); }

  // The deliveries of this shard, the doomed ones included. Any thread; at most a moment old.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  // Begins to look at the time.
  void start();
  // A planned delivery enters its lane. `message` is null when it is not in memory.
  void receive(const Planned& planned, const MessagePtr& message);
  void receive_all(const std::vector<Arrival>& arrivals);
  // Held lanes are looked at again, known sites are forgotten, and what waits for a route that has gone is due.
  void sources_changed();
  // What waits for that mailbox is due; what waits for a limit is asked about again (shard_wakes.cc).
  void mailbox_changed(const TenantId& tenant, const AccountId& account);
  void limits_changed();
  void stop() { scheduler_.stop_starting(); }
  // Starts workers and what is overdue, as far as limits allow.
  void pump();

  // Directives (shard_orders.cc). A new set is in force at once; what waits is moved in the background.
  void set_directives(DirectiveSetPtr directives);
  // Whether something is still to be judged, its message perhaps being read.
  bool is_sweeping() const { return is_sweeping_; }
  // Messages whose acceptance began under an epoch and that are not planned yet.
  void begin_accept(std::uint32_t epoch) { ++accepting_[epoch]; }
  void end_accept(std::uint32_t epoch);
  bool is_accepting_before(std::uint32_t epoch) const;

 private:
  // What is known of a delivery while somebody works on it.
  struct Active {
    DeliveryRecord record;
    bool is_sole = false;
    bool has_record = false;
    std::uint64_t sources_generation = 0;  // when it was handed out
    SteadyTime taken_at;
    UtcTime expires_at = kNever;
    std::unique_ptr<Grant> grant;  // what the gate has taken for it
  };
  struct Loaded {
    MessagePtr message;
    DeliveryRecord record;
  };
  enum class Cause { kAttempt, kTime, kWarning, kOrder };
  // The end of somebody's work on a delivery, on its way into the store.
  struct Conclusion {
    Cause cause = Cause::kAttempt;
    MessagePtr message;
    DeliveryKey key;
    Active active;
    Settlement settled;
    bool only_local_reports = false;  // senders outside may be forged
    store::Batch batch;
    Notices notices;
    std::vector<trace::Event> notice_events;
  };

  Task<void> tick();
  void pump_once();
  void enter_lane(const Planned& planned, const MessagePtr& message);
  Task<Result<Loaded>> load(DeliveryKey key, bool has_record);
  bool move_if_misplaced(const LaneKey& lane, const Taken& taken, const Loaded& loaded);
  Task<std::optional<std::unique_ptr<Grant>>> let_through(LaneKey lane, Taken taken, MessagePtr message,
                                                          std::vector<std::uint16_t> pending);
  bool is_withdrawn(const DeliveryKey& key, const Message& message, const DeliveryRecord& record);
  Task<void> review_accounts();
  void record_held(const Message& message, const DeliveryKey& key, const std::string& detail);
  Job make_job(const Taken& taken, Loaded loaded);
  void unreadable(const Taken& taken, const Error& error);
  Task<void> look_after(Taken taken);
  void hold(const Job& job, const Active& active, const Outcome& outcome);
  void record_lane(const LaneKey& lane, trace::EventKind kind, const std::string& detail,
                   std::optional<AttributeRef> strand = {});

  // shard_wakes.cc
  using Mailboxes = std::map<AccountId, TenantId>;
  Task<void> wake_mailboxes();
  Task<void> wake_those(std::vector<DeliveryKey> candidates, const Mailboxes& changed);
  bool may_wait_for(const Mailboxes& changed) const;

  // shard_orders.cc
  Task<void> judge_unsure();
  Task<void> sweep();
  Task<std::vector<DeliveryKey>> judge_with_messages(std::vector<DeliveryKey> unsure);
  void work_off();
  Task<void> purge();
  Task<bool> purge_batch(std::vector<Doomed> batch);
  Task<void> bounce();
  Task<bool> end_by_order(Doomed doomed, DirectiveAction action);
  void note_unpaced(const Conclusion& conclusion, std::size_t recipients, std::vector<Unpaced>& unpaced);
  void give_back_pace(std::vector<Unpaced> unpaced);
  Task<void> give_back_paced(std::vector<Unpaced> unpaced);
  Conclusion conclusion_of(const Doomed& doomed, Loaded loaded, const Directive* directive);
  Task<std::vector<Result<Loaded>>> load_all(std::vector<Doomed> wanted);
  static Result<Loaded> read_stored(const store::Kv& kv, DeliveryKey key, bool has_record, MessagePtr known);

  // conclusion.cc
  void name_site(Conclusion& conclusion) const;
  Task<bool> conclude(Conclusion conclusion);  // whether it is durable
  Task<bool> commit(ShardPart& owner, Conclusion& conclusion);
  store::Transaction transaction_of(ShardPart& owner, const Conclusion& conclusion, bool is_last);
  void keep_ledger(const Conclusion& conclusion);
  void tell_progress(const Conclusion& conclusion);
  void end_in_memory(Conclusion& conclusion);
  // To be used at once: it refers to the schedule of now.
  SettlementContext context(UtcTime expires_at = kNever);

  Core& core_;
  std::shared_ptr<const RetryPolicy> retry_;  // what the last context refers to
  net::Shard& shard_;
  std::unique_ptr<net::TaskGroup> group_;
  Carrier* carrier_ = nullptr;
  Scheduler scheduler_;
  HotMessages hot_;
  MessageLedger ledger_;
  Planner planner_;
  std::unordered_map<DeliveryKey, Active, DeliveryKeyHash> active_;
  std::size_t giving_back_ = 0;
  std::atomic<std::size_t> size_{0};
  std::size_t looking_after_ = 0;
  SteadyTime look_again_at_;  // the pool was full
  DirectiveSetPtr directives_;
  std::map<std::uint32_t, std::uint32_t> accepting_;  // by epoch; nearly always one entry
  SteadyTime review_at_;
  Mailboxes mailboxes_changed_;
  bool is_waking_mailboxes_ = false;
  bool is_judging_ = false;
  bool is_reviewing_ = false;
  bool is_sweeping_ = false;
  bool is_purging_ = false;
  bool is_bouncing_ = false;
  bool is_pumping_ = false;
  bool is_pump_wanted_ = false;
};

}  // namespace bulkhead::queue

// One shard's part of the queue: its lanes, the deliveries that workers hold, and the commits that end them.
// Touched only on its shard, except where it says otherwise.
#pragma once

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

  Task<std::optional<Job>> take(LaneKey lane) override;
  Task<void> finish(Job job, Outcome outcome) override;
  void worker_ended(const LaneKey& lane) override;

  void set_carrier(Carrier& carrier) { carrier_ = &carrier; }
  Carrier& carrier() { return *carrier_; }
  net::Shard& shard() { return shard_; }
  net::TaskGroup& group() { return *group_; }
  Scheduler& scheduler() { return scheduler_; }
  MessageLedger& ledger() { return ledger_; }
  Planner& planner() { return planner_; }

  // Begins to look at the time.
  void start();
  // A planned delivery enters its lane. `message` is null when it is not in memory.
  void receive(const Planned& planned, const MessagePtr& message);
  // Held lanes are looked at again, known sites are forgotten, and what waits for a route that has gone is due.
  void sources_changed();
  void stop() { scheduler_.stop_starting(); }
  // Starts workers and what is overdue, as far as limits allow.
  void pump();

 private:
  // What is known of a delivery while somebody works on it.
  struct Active {
    DeliveryRecord record;
    bool is_sole = false;
    bool has_record = false;
    std::uint64_t sources_generation = 0;  // when it was handed out
    SteadyTime taken_at;
  };
  struct Loaded {
    MessagePtr message;
    DeliveryRecord record;
  };
  enum class Cause { kAttempt, kTime, kWarning };
  // The end of somebody's work on a delivery, on its way into the store.
  struct Conclusion {
    Cause cause = Cause::kAttempt;
    MessagePtr message;
    DeliveryKey key;
    Active active;
    Settlement settled;
    store::Batch batch;
    Notices notices;
    std::vector<trace::Event> notice_events;
  };

  Task<void> tick();
  void pump_once();
  Task<Result<Loaded>> load(DeliveryKey key, bool has_record);
  bool move_if_misplaced(const LaneKey& lane, const Taken& taken, const Loaded& loaded);
  Job make_job(const Taken& taken, Loaded loaded);
  void unreadable(const Taken& taken, const Error& error);
  Task<void> look_after(Taken taken);
  void hold(const Job& job, const Active& active, const Outcome& outcome);
  void record_lane(const LaneKey& lane, trace::EventKind kind, const std::string& detail);

  // conclusion.cc
  Task<void> conclude(Conclusion conclusion);
  Task<bool> commit(ShardPart& owner, Conclusion& conclusion);
  store::Transaction transaction_of(ShardPart& owner, const Conclusion& conclusion, bool is_last);
  void keep_ledger(const Conclusion& conclusion);
  void tell_progress(const Conclusion& conclusion);
  void end_in_memory(Conclusion& conclusion);
  SettlementContext context();

  Core& core_;
  net::Shard& shard_;
  std::unique_ptr<net::TaskGroup> group_;
  Carrier* carrier_ = nullptr;
  Scheduler scheduler_;
  HotMessages hot_;
  MessageLedger ledger_;
  Planner planner_;
  std::unordered_map<DeliveryKey, Active, DeliveryKeyHash> active_;
  std::size_t looking_after_ = 0;
  bool is_pumping_ = false;
  bool is_pump_wanted_ = false;
};

}  // namespace bulkhead::queue

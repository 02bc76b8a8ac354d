// Decides what one shard may do next: which lane gets one more worker, which delivery is due, what has expired.
//
// A plain object over an injected clock: no I/O, no thread, no coroutine; a week of traffic is simulated in a second.
// It knows of a message only its id. Tenants get workers in deficit round robin, so that a tenant with 100,000
// deliveries delays another's ten by one turn; while every worker is busy, a tenant above its equal share gives one
// back at the end of its job. Time comes from the clock's wall time, which the owner makes monotonic (timeline.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/queue/lane.h"

namespace bulkhead::queue {

struct SchedulerLimits {
  std::uint32_t workers = 500;          // of the shard
  std::uint32_t workers_per_lane = 20;  // connections to one site from one address
  std::uint32_t workers_per_local_lane = 8;
  std::uint32_t backlog_per_worker = 5;  // one more worker for so many ready deliveries
  std::chrono::seconds stall{3};         // a lane whose workers took nothing for so long gets one more
};

// A delivery as it enters the scheduler.
struct Planned {
  DeliveryKey key;
  LaneKey lane;
  std::uint16_t attempts = 0;
  bool is_sole = false;
  bool has_record = false;
  UtcTime due;  // not after now: ready at once
  UtcTime expires_at;
  UtcTime warn_at = kNever;
};

// A delivery that was handed out.
struct Taken {
  DeliveryKey key;
  std::uint16_t attempts = 0;  // before this one
  bool is_sole = false;
  bool has_record = false;
  bool is_expired = false;  // next_overdue: expired, otherwise the delay warning is due
};

// A delivery as lists show it.
struct DeliveryStatus {
  DeliveryKey key;
  const Lane* lane = nullptr;
  DeliveryState state = DeliveryState::kReady;
  bool is_held = false;
  std::uint16_t attempts = 0;
  UtcTime due;
  bool has_record = false;
};

class Scheduler {
 public:
  Scheduler(SchedulerLimits limits, const Clock& clock);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void add(const Planned& planned);

  // The lane that gets one more worker now, counted as started; nothing when none may. Call until nothing comes.
  std::optional<LaneKey> next_start();
  void worker_ended(const LaneKey& lane);
  // The next ready delivery of the lane, active from now on; nothing when there is none, the lane is held, or the
  // worker is needed by another tenant.
  std::optional<Taken> take(const LaneKey& lane);

  // Each ends the activity of a delivery that take or next_overdue handed out; false when it is not active.
  bool finish(const DeliveryKey& key);                                           // it is gone
  bool reschedule(const DeliveryKey& key, std::uint16_t attempts, UtcTime due);  // a record exists now
  bool put_back(const DeliveryKey& key);               // untried: ready again, first in its lane
  bool postpone(const DeliveryKey& key, UtcTime due);  // as put_back, but not before `due`
  // Put back, and its lane waits until release_held.
  bool hold_lane(const DeliveryKey& key, std::string reason, std::string code = "no-source");
  bool warned(const DeliveryKey& key);  // the delay warning is recorded: back to what it was
  // Moves an active delivery out, to be added to another lane, maybe of another shard.
  std::optional<Planned> extract(const DeliveryKey& key);

  // Held lanes are looked at again, the first at once, all within a second.
  std::size_t release_held();
  // The lanes that run_timers released since the last call.
  std::vector<LaneKey> released();
  // Everything scheduled that `matches` becomes due now. Returns how many.
  std::size_t make_due(const std::function<bool(const DeliveryStatus&)>& matches);

  // Wakes what is due. Call often; next_timer() tells when at the latest.
  void run_timers();
  std::optional<UtcTime> next_timer() const;
  // The next delivery that has expired or whose warning is due, active from now on.
  std::optional<Taken> next_overdue();

  void stop_starting() { is_stopped_ = true; }  // no new workers, nothing is handed out any more

  StateCounts counts() const { return counts_; }
  StateCounts counts(const TenantId& tenant) const;
  std::size_t size() const { return table_.size(); }
  std::uint32_t workers() const { return workers_; }
  std::uint32_t workers(const LaneKey& lane) const;
  std::size_t lanes() const { return lanes_.size(); }
  std::size_t memory_bytes() const;
  void visit(const std::function<void(const DeliveryStatus&)>& visitor) const;
  // The ready ones of a lane in order, held or not, at most `limit`.
  std::vector<DeliveryKey> ready_in(const LaneKey& lane, std::size_t limit) const;
  bool is_held(const LaneKey& lane) const;
  std::string hold_of(const LaneKey& lane) const;    // "code: reason", "" when it is not held
  LaneKey lane_of(const DeliveryKey& active) const;  // of a delivery that is active

 private:
  enum class Position { kFront, kBack };

  Lane& open_lane(const LaneKey& key);
  Lane* find_lane(const LaneKey& key) const;
  void drop_if_unused(Lane& lane);
  void enter(Slot slot, DeliveryState state);
  void leave(Slot slot);
  void link(Slot slot, Position position);
  void unlink(Slot slot);
  Taken activate(Slot slot);
  Slot deactivate(const DeliveryKey& key);
  void resume(Slot slot, Position position);
  void arm(Slot slot);
  std::uint32_t worker_limit(const Lane& lane) const;
  bool wants_worker(const Lane& lane) const;
  void list(Lane& lane);
  void consider(Lane& lane);
  void drop_from_round(TenantShare& tenant);
  void change_workers(Lane& lane, int change);
  Lane* next_waiting(TenantShare& tenant);
  void stop_yielding(Lane& lane);
  bool must_yield(Lane& lane);
  void set_held(Lane& lane, bool is_held);
  void wake_lanes(UtcTime now);
  void watch_stalled(UtcTime now);
  void fire(Slot slot, UtcTime now);
  DeliveryStatus status_of(const DeliveryEntry& entry) const;

  struct Waking {
    UtcTime at;
    Lane* lane;
  };

  const SchedulerLimits limits_;
  const Clock& clock_;
  DeliveryTable table_;
  std::unordered_map<LaneKey, std::unique_ptr<Lane>, LaneKeyHash> lanes_;
  std::unordered_map<TenantId, std::unique_ptr<TenantShare>> tenants_;
  std::unordered_map<DeliveryKey, Slot, DeliveryKeyHash> active_;  // bounded by what workers hold
  std::deque<TenantShare*> round_;                                 // tenants with a lane that wants a worker
  std::deque<Waking> waking_;                                      // in order of time
  std::deque<Lane*> backlog_;  // lanes looked at once a second: with ready deliveries, or about to be dropped
  std::deque<std::pair<Slot, DeliveryKey>> overdue_;
  std::vector<LaneKey> released_;
  StateCounts counts_;
  std::uint32_t workers_ = 0;
  std::uint32_t contenders_ = 0;  // tenants that have a worker or want one
  std::uint32_t yielding_ = 0;    // lanes that give a worker to another tenant and have not done so yet
  UtcTime stall_check_at_ = UtcTime::min();
  bool is_stopped_ = false;
};

}  // namespace bulkhead::queue

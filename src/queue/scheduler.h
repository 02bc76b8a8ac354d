// Decides what one shard may do next: which lane gets one more worker, which delivery is due, what has expired, and
// what the directives in force say of each.
//
// A plain object over an injected clock: no I/O, no thread, no coroutine; a week of traffic is simulated in a second.
// It knows of a message only its id and hashes. Workers go round tenants, then accounts, then lanes, in deficit round
// robin, and a lane's deliveries go round its strands; so that neither a tenant nor an account with 100,000 deliveries
// delays another's ten by more than its turns. While every worker is busy, a tenant above its equal share gives one
// back at the end of its job. Time comes from the clock's wall time, which the owner makes monotonic (timeline.h).
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "src/base/clock.h"
#include "src/queue/directive_set.h"
#include "src/queue/gate.h"
#include "src/queue/lane.h"

namespace bulkhead::queue {

struct DeliveryRecord;

struct SchedulerLimits {
  std::uint32_t workers = 500;          // of the shard
  std::uint32_t workers_per_lane = 20;  // connections to one site from one address
  std::uint32_t workers_per_local_lane = 8;
  std::uint32_t backlog_per_worker = 5;        // one more worker for so many ready deliveries
  std::chrono::seconds stall{3};               // a lane whose workers took nothing for so long gets one more
  std::uint32_t jobs_per_turn = 50;            // then a lane gives way to one of its tenant that has no worker
  std::chrono::milliseconds release_step{10};  // what a directive held goes on one after the other to each site
  std::chrono::hours life_after_hold{24};      // that is left at least to what a directive held
  std::chrono::minutes hold_review{5};         // a held lane is tried again after so long
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
  AttributeKeys keys = {};
  std::uint32_t epoch = 0;
};

// A delivery that was handed out.
struct Taken {
  DeliveryKey key;
  std::uint16_t attempts = 0;  // before this one
  bool is_sole = false;
  bool has_record = false;
  bool is_expired = false;  // next_overdue: expired, otherwise the delay warning is due
  UtcTime expires_at;
};

// A delivery that a directive took out of the queue, and whose record is still to be removed.
struct Doomed {
  DeliveryKey key;
  std::uint32_t number = 0;  // of the directive
  bool is_sole = false;
  bool has_record = false;
};

// A delivery as lists show it.
struct DeliveryStatus {
  DeliveryKey key;
  const Lane* lane = nullptr;
  const Block* block = nullptr;  // why its lane or strand waits, when it does
  const DeliveryEntry* entry = nullptr;
  DeliveryState state = DeliveryState::kReady;
  bool is_held = false;
  bool is_paused = false;       // ready, and waits until a time
  std::uint32_t directive = 0;  // that holds it, 0 for none
  std::uint16_t attempts = 0;
  UtcTime due;
  bool has_record = false;
};

std::string_view state_word(const DeliveryStatus& status);  // ready active scheduled held

// What the counters know of one value.
struct Tally {
  std::uint64_t deliveries = 0, active = 0;
  std::uint64_t messages = 0;  // exact for tenant, account, sender and client address
  std::uint64_t several = 0;   // deliveries of messages that have several
};

class Scheduler {
 public:
  Scheduler(SchedulerLimits limits, const Clock& clock, AttributeHash hash = {});
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void add(const Planned& planned);

  // The lane that gets one more worker now, counted as started; nothing when none may. Call until nothing comes.
  std::optional<LaneKey> next_start();
  void worker_ended(const LaneKey& lane);
  // The next ready delivery of the lane, active from now on; nothing when there is none, the lane is held, or the
  // worker is needed by another tenant. `is_ahead`: the worker has a job, and asks again after it.
  std::optional<Taken> take(const LaneKey& lane, bool is_ahead = false);

  // Each ends the activity of a delivery that take or next_overdue handed out; false when it is not active.
  bool finish(const DeliveryKey& key);                                           // it is gone
  bool reschedule(const DeliveryKey& key, std::uint16_t attempts, UtcTime due);  // a record exists now
  bool put_back(const DeliveryKey& key);               // untried: ready again, first in its lane
  bool postpone(const DeliveryKey& key, UtcTime due);  // as put_back, but not before `due`
  // Put back, and its lane waits until release_held.
  bool hold_lane(const DeliveryKey& key, std::string reason, std::string code = "no-source",
                 std::vector<IpAddress> sources = {});
  // Put back, and its account's mail in its lane waits until release_strand.
  bool hold_strand(const DeliveryKey& key, Block block);
  // Put back, and its lane or strand waits for as long as the gate says.
  bool pause(const DeliveryKey& key, const Pause& pause);
  bool warned(const DeliveryKey& key);  // the delay warning is recorded: back to what it was
  // Moves an active delivery out, to be added to another lane, maybe of another shard.
  std::optional<Planned> extract(const DeliveryKey& key);

  // Held lanes for which `may_go` are looked at again, the first at once, all within a second.
  std::size_t release_held(const std::function<bool(const Lane&)>& may_go = {});
  struct HeldStrand {
    LaneKey lane;
    AttributeRef strand;
    AccountId account;
  };
  // Strands that are held because of their account, at most `limit`.
  std::vector<HeldStrand> held_strands(std::size_t limit) const;
  void release_strand(const HeldStrand& held);
  // Ends what keeps lanes that `matches` from their site until a time, so that one connection tries it now.
  void try_again(const std::function<bool(const Lane&)>& matches);
  // The lanes that run_timers released since the last call.
  std::vector<LaneKey> released();
  // A scheduled delivery becomes due now; false when it is not scheduled.
  bool make_due(const DeliveryKey& key);
  // Everything scheduled in lanes that `matches` becomes due now. Returns how many.
  std::size_t make_lanes_due(const std::function<bool(const Lane&)>& matches);
  // Lanes of kRoutingSite with something ready, each named once until end_routing: their site must be looked up.
  std::vector<LaneKey> routing();
  void end_routing(const LaneKey& lane);
  // Takes out up to `limit` deliveries of such a lane, to be added to another one; active ones stay.
  std::vector<Planned> drain_lane(const LaneKey& lane, std::size_t limit);

  // Directives (scheduler_directives.cc). A new set is in force at once: what is handed out, put back or added is
  // judged by it. A sweep then moves what it holds, frees, purges or bounces, a slice at a time.
  void set_directives(DirectiveSetPtr directives);
  bool is_sweeping() const { return sweep_at_ != kNoSlot; }
  // Looks at up to `limit` more entries. Answers those that cannot be judged without their message.
  std::vector<DeliveryKey> sweep(std::size_t limit);
  // What the directives say of a delivery, of an active one too; with the message when it is given.
  Judgement judge(const DeliveryKey& key, const Message* message, const std::vector<std::uint16_t>* pending) const;
  // Moves a delivery to where a judgement puts it; one that is active stays as it is. False when nothing changed.
  bool apply(const DeliveryKey& key, const Judgement& judgement);
  // The same with its message read; of one that is active, says which of the newer directives wait for it.
  void judge_read(const DeliveryKey& key, const Message& message, const std::vector<std::uint16_t>& pending);
  // Puts an active delivery where a judgement other than kGo puts it. With kGo, which its message has told, it goes:
  // only directives that come from now on wait for it.
  bool withdraw(const DeliveryKey& key, const Judgement& judgement);
  // The end of an attempt that is recorded: as reschedule, where a directive means it. Otherwise false, and it is still
  // active.
  bool withdraw_tried(const DeliveryKey& key, const DeliveryRecord& record, const Message& message);
  // Doomed deliveries for the purger and the bouncer, each handed out once. To be bounced: active from now on.
  std::vector<Doomed> take_doomed(DirectiveAction action, std::size_t limit);
  bool finish_purged(const DeliveryKey& key);
  // Its end could not be made durable: first in the line of what the directive has taken.
  void doom_again(const Doomed& doomed, DirectiveAction action);
  // No directive speaks of it any more: back in the queue.
  void undo_doom(const DeliveryKey& key);
  void activate_purged(const DeliveryKey& key);
  DirectiveProgress progress(std::uint32_t number) const;
  void note_done(std::uint32_t number, std::uint64_t deliveries, std::uint64_t messages);

  // Counters.
  AttributeTable& attributes() { return attributes_; }
  const AttributeTable& attributes() const { return attributes_; }
  const AttributeHash& hash() const { return hash_; }
  Tally tally(std::uint64_t key) const;  // 0: of everything
  // Counts a message with several deliveries once for its tenant, account, sender and client address.
  std::array<AttributeRef, 4> count_message(const TenantId& tenant, const AttributeKeys& keys);
  void uncount_message(const std::array<AttributeRef, 4>& counted);
  // Whether there are deliveries of messages that have several.
  bool has_several() const { return several_ > 0; }
  std::uint64_t doomed() const { return doomed_; }
  std::uint64_t parked() const { return parked_; }

  // What waits for a limit is asked about again.
  void lift_limit_pauses();
  // Deliveries that were put into their lanes although a directive may mean them, which only their messages tell. When
  // there are many of them, all are looked at by another sweep instead.
  bool has_unsure() const { return !unsure_.empty() || is_sweep_wanted_; }
  std::vector<DeliveryKey> take_unsure(std::size_t limit);
  void judge_later(const DeliveryKey& key);
  // Nothing waits for the delivery any more: it was judged, it is gone, or it cannot be read.
  void settle(const DeliveryKey& key);

  // Wakes what is due. Call often; next_timer() tells when at the latest.
  void run_timers();
  std::optional<UtcTime> next_timer() const;
  // The next delivery that has expired or whose warning is due, active from now on.
  std::optional<Taken> next_overdue();

  void stop_starting() { is_stopped_ = true; }  // no new workers, nothing is handed out any more

  void set_gate(Gate* gate) { gate_ = gate; }

  StateCounts counts() const { return counts_; }
  StateCounts counts(const TenantId& tenant) const;
  std::size_t size() const { return table_.size(); }
  std::uint32_t workers() const { return workers_; }
  std::uint32_t workers(const LaneKey& lane) const;
  std::size_t lanes() const { return lanes_.size(); }
  std::size_t memory_bytes() const;
  void visit(const std::function<void(const DeliveryStatus&)>& visitor) const;
  // Visits up to `limit` slots from `from`; answers where to go on, kNoSlot at the end.
  Slot visit_some(Slot from, std::size_t limit, const std::function<void(const DeliveryStatus&)>& visitor) const;
  // The same for who can tell most of them by the entry alone.
  template <class Visitor>
  Slot visit_entries(Slot from, std::size_t limit, const Visitor& visitor) const {
    const std::size_t past = std::min<std::size_t>(table_.end(), from + limit);
    for (Slot slot = from; slot < past; ++slot) {
      const DeliveryEntry& entry = table_[slot];
      if (entry.state != DeliveryState::kFree && entry.state != DeliveryState::kDoomed) visitor(entry);
    }
    return past >= table_.end() ? kNoSlot : static_cast<Slot>(past);
  }
  DeliveryStatus status_of(const DeliveryEntry& entry) const;
  void visit_lanes(const std::function<void(const Lane&)>& visitor) const;
  std::optional<DeliveryStatus> find(const DeliveryKey& key) const;  // nothing for what is doomed
  // The ready ones of a lane in order, held or not, at most `limit`; of one of its strands when it is given.
  std::vector<DeliveryKey> ready_in(const LaneKey& lane, std::size_t limit,
                                    std::optional<AttributeRef> strand = {}) const;
  bool is_held(const LaneKey& lane) const;
  std::string hold_of(const LaneKey& lane) const;    // "code: reason", "" when it is not held
  LaneKey lane_of(const DeliveryKey& active) const;  // of a delivery that is active

 private:
  enum class Position { kFront, kBack };
  struct SlotLine {
    Slot head = kNoSlot;
    Slot tail = kNoSlot;
  };

  Lane& open_lane(const LaneKey& key);
  Lane* find_lane(const LaneKey& key) const;
  Strand& open_strand(Lane& lane, AttributeRef account, std::uint64_t part = 0);
  Strand& move_to_part(Slot slot, std::uint64_t part);
  void drop_strand_if_unused(Strand& strand);
  void drop_if_unused(Lane& lane);
  void admit(Slot slot, const Planned& planned);
  void remove(Slot slot);
  Planned planned_of(const DeliveryEntry& entry) const;
  void count(const DeliveryEntry& entry, int change);
  void count_active(const DeliveryEntry& entry, int change);
  void enter(Slot slot, DeliveryState state);
  void leave(Slot slot);
  void link(Slot slot, Position position);
  void unlink(Slot slot);
  void link_other(Slot slot);
  void unlink_other(Slot slot);
  void ask_for_route(Lane& lane);
  Slot next_to_move(Lane& lane);
  void join_round(Strand& strand);
  Slot next_of(Lane& lane, std::size_t displaced_max);
  Taken activate(Slot slot);
  Slot deactivate(const DeliveryKey& key);
  void resume(Slot slot, Position position);
  void resume_judged(Slot slot, Position position);
  void arm(Slot slot);
  std::uint32_t worker_limit(const Lane& lane) const;
  bool wants_worker(const Lane& lane) const;
  void list(Lane& lane);
  void consider(Lane& lane);
  void drop_from_round(TenantShare& tenant);
  void change_workers(Lane& lane, int change);
  Lane* next_waiting(TenantShare& tenant);
  void wait_in_line(TenantShare& tenant, Lane& lane);
  bool is_refused(Lane& lane);
  void ask_refused(AttributeRef site, std::size_t count);
  void ask_all_refused();
  void stop_yielding(Lane& lane);
  bool must_yield(Lane& lane, bool is_ahead);
  bool gives_way(const Lane& lane) const;
  void recount_ready(Lane& lane, const StateCounts& before);
  void set_held(Lane& lane, bool is_held);
  void set_block(Lane& lane, std::unique_ptr<Block> block);
  void set_block(Strand& strand, std::unique_ptr<Block> block);
  void pause_lane(Lane& lane, const Pause& pause);
  void pause_lane_for_sweep(Lane& lane);
  void wake_at(UtcTime at, Lane& lane, Strand* strand);
  void forget_waking(WakingPlace& waking);
  void wake(UtcTime now);
  void wake_lane(Lane& lane);
  void watch_stalled(UtcTime now);
  void fire(Slot slot, UtcTime now);
  bool has_directives() const { return directives_ != nullptr && !directives_->empty(); }
  Subject subject_of(const DeliveryEntry& entry) const;
  bool displace(Slot slot, const Judgement& judgement);
  void park(Slot slot, std::uint32_t number);
  void unpark(Slot slot);
  Tally tally_of_all() const;
  void doom(Slot slot, const Judgement& judgement);
  void leave_doom(Slot slot);
  void end_work(DeliveryEntry& entry);
  bool intercept(Slot slot);
  void begin_sweep();
  std::uint32_t newest_directive() const;
  bool needs_messages() const { return has_directives() && directives_->needs_messages(); }
  void note_handed_out(DeliveryEntry& entry);
  bool sweep_one(Slot slot);
  bool await(Slot slot);
  void stop_awaiting(std::uint32_t number);

  const SchedulerLimits limits_;
  const Clock& clock_;
  const AttributeHash hash_;
  Gate* gate_ = nullptr;
  DeliveryTable table_;
  AttributeTable attributes_;
  std::unordered_set<std::unique_ptr<Lane>, LaneKeyHash, LaneKeyEqual> lanes_;
  std::unordered_map<TenantId, std::unique_ptr<TenantShare>> tenants_;
  std::deque<TenantShare*> round_;  // tenants with a lane that wants a worker
  Wakings waking_;                  // lanes and strands that go on at a time
  std::deque<Lane*> backlog_;       // lanes looked at once a second: with ready deliveries, or about to be dropped
  std::unordered_map<AttributeRef, std::deque<Lane*>> refused_;  // by site: lanes that the gate made wait
  std::deque<std::pair<Slot, DeliveryKey>> overdue_;
  std::vector<LaneKey> released_;
  std::vector<LaneKey> routing_;
  StateCounts counts_;
  std::uint32_t workers_ = 0;
  std::uint32_t contenders_ = 0;  // tenants that have a worker or want one
  std::uint32_t yielding_ = 0;    // lanes that give a worker to another and have not done so yet
  UtcTime stall_check_at_ = UtcTime::min();
  UtcTime refused_check_at_ = UtcTime::min();
  bool is_stopped_ = false;

  DirectiveSetPtr directives_;
  Slot sweep_at_ = kNoSlot;  // entries from here on are not yet judged by the present set
  SlotLine purges_, bounces_;
  std::deque<DeliveryKey> unsure_;
  bool is_sweep_wanted_ = false;
  // Deliveries that were under way when directives came that mean them, or may: the directives' numbers. No more than
  // are under way, or have just come back and are still to be judged.
  std::unordered_map<DeliveryKey, std::vector<std::uint32_t>, DeliveryKeyHash> awaited_;
  std::uint64_t doomed_ = 0;
  std::uint32_t several_ = 0;
  std::uint64_t parked_ = 0;
  std::unordered_map<std::uint32_t, DirectiveProgress> progress_;
  std::unordered_map<AttributeRef, std::uint32_t> unparked_;  // by site, in this sweep: they go on one after the other
};

}  // namespace bulkhead::queue

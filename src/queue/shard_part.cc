#include "src/queue/shard_part.h"

#include "src/queue/bridge.h"
#include "src/queue/grouping.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kHotBytesMax = 16 << 20;  // of all shards together
constexpr std::size_t kLookingAfterMax = 16;    // expiries and warnings at once
constexpr std::size_t kLaneEventsMax = 1000;    // held and released lines of one lane at once
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kAccountReview{30};    // held accounts are asked about at least so often
constexpr std::size_t kReviewMax = 10000;             // and so many at once
constexpr std::chrono::seconds kUnreadableRest{300};  // until a record that cannot be read is tried again
constexpr std::chrono::seconds kBusyRest{1};          // the same when the pool was full, for all that time asks for

}  // namespace

ShardPart::ShardPart(Core& core, net::Shard& shard)
    : core_(core),
      shard_(shard),
      group_(std::make_unique<net::TaskGroup>(shard, core.parts.log)),
      scheduler_(SchedulerLimits{}, core.timeline, core.hash),
      hot_(kHotBytesMax / core.parts.runtime.size()),
      ledger_(shard),
      planner_(core, *this) {
  scheduler_.set_gate(core.parts.gate);
}

void ShardPart::start() {
  group_->spawn(tick());
}

Task<void> ShardPart::tick() {
  for (;;) {
    pump();
    const SteadyTime now = core_.parts.clock.steady();
    if (now >= review_at_ && !is_reviewing_) {
      review_at_ = now + kAccountReview;
      group_->spawn(review_accounts());
    }
    auto sleeping = shard_.sleep(kTick, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

// A worker may start, take, and end within start_worker: pumping again waits until this round is over.
void ShardPart::pump() {
  is_pump_wanted_ = true;
  if (is_pumping_) return;
  is_pumping_ = true;
  while (std::exchange(is_pump_wanted_, false)) pump_once();
  is_pumping_ = false;
  size_.store(scheduler_.size(), std::memory_order_relaxed);
}

void ShardPart::pump_once() {
  scheduler_.run_timers();
  for (const auto& lane : scheduler_.released()) {
    record_lane(lane, trace::EventKind::kReleased, "the directory or the addresses of this host changed");
  }
  planner_.route();
  work_off();
  if (scheduler_.has_unsure() && !is_judging_) group_->spawn(judge_unsure());
  while (auto lane = scheduler_.next_start()) carrier_->start_worker(std::move(*lane));
  while (looking_after_ < kLookingAfterMax && core_.parts.clock.steady() >= look_again_at_) {
    const auto taken = scheduler_.next_overdue();
    if (!taken) break;
    ++looking_after_;
    group_->spawn(look_after(*taken));
  }
}

void ShardPart::receive(const Planned& planned, const MessagePtr& message) {
  enter_lane(planned, message);
  pump();
}

void ShardPart::receive_all(const std::vector<Arrival>& arrivals) {
  for (const auto& arrival : arrivals) enter_lane(arrival.planned, arrival.message);
  pump();
}

void ShardPart::enter_lane(const Planned& planned, const MessagePtr& message) {
  if (message) hot_.put(message);
  scheduler_.add(planned);
  if (message && scheduler_.is_held(planned.lane)) {
    record_held(*message, planned.key, scheduler_.hold_of(planned.lane));
  }
}

void ShardPart::sources_changed() {
  planner_.forget_sites();
  scheduler_.make_lanes_due([this](const Lane& lane) { return carrier_->is_abandoned(lane.key); });
  const auto& parts = core_.parts;
  scheduler_.release_held([&parts](const Lane& lane) {
    if (lane.block->code == "tenant-suspended") {
      return !parts.is_tenant_suspended || !parts.is_tenant_suspended(lane.key.tenant);
    }
    // Only where the answer is another one now: most changes are somebody else's.
    return !parts.sources_of || parts.sources_of(lane.key) != lane.block->sources;
  });
  review_at_ = {};
  pump();
}

// Accounts that were suspended may have been resumed.
Task<void> ShardPart::review_accounts() {
  is_reviewing_ = true;
  const auto held = scheduler_.held_strands(kReviewMax);
  for (const auto& strand : held) {
    std::optional<std::string> reason;
    if (core_.parts.account_suspension) {
      auto asking = core_.parts.account_suspension(shard_, strand.account);
      reason = co_await std::move(asking);
    }
    if (reason) continue;
    scheduler_.release_strand(strand);
    record_lane(strand.lane, trace::EventKind::kReleased, "its account was resumed", strand.strand);
  }
  is_reviewing_ = false;
  pump();
}

Task<std::optional<Job>> ShardPart::take(LaneKey lane, Worker worker) {
  while (const auto taken = scheduler_.take(lane, worker == Worker::kBusy)) {
    Active active;
    active.is_sole = taken->is_sole;
    active.has_record = taken->has_record;
    active.sources_generation = core_.sources_generation;
    active.taken_at = core_.parts.clock.steady();
    active.expires_at = taken->expires_at;
    Loaded loaded;
    if (!taken->has_record) loaded.message = hot_.get(taken->key.message);
    if (loaded.message) {
      loaded.record = fresh_record(*loaded.message, taken->key.index);
    } else {
      auto loading = load(taken->key, taken->has_record);
      auto read = co_await std::move(loading);
      if (!read && read.error().code == ErrorCode::kUnavailable) {
        scheduler_.put_back(taken->key);  // the pool is full: the others of the lane would fare the same
        break;
      }
      if (!read) {
        unreadable(*taken, read.error());
        continue;
      }
      loaded = std::move(*read);
    }
    if (move_if_misplaced(lane, *taken, loaded)) continue;
    if (is_withdrawn(taken->key, *loaded.message, loaded.record)) continue;
    auto asking = let_through(lane, *taken, loaded.message, loaded.record.pending());
    auto answer = co_await std::move(asking);
    if (!answer) continue;
    active.grant = std::move(*answer);
    active.record = loaded.record;
    active_[taken->key] = std::move(active);
    co_return make_job(*taken, std::move(loaded));
  }
  co_return std::nullopt;
}

// A route that was added or removed since the delivery was planned: it goes to the lane where its mail goes now.
bool ShardPart::move_if_misplaced(const LaneKey& lane, const Taken& taken, const Loaded& loaded) {
  const auto& first = loaded.message->recipients[taken.key.index];
  if (first.local) return false;
  const std::string& domain = first.recipient.address.domain;
  if (!carrier_->leads_elsewhere(lane, domain)) return false;
  auto planned = scheduler_.extract(taken.key);
  if (!planned) return false;
  planner_.forget_site(lane.tenant, domain);
  planner_.place(std::move(*planned), domain, loaded.message);
  return true;
}

// What a directive says of it, now that its message is known.
bool ShardPart::is_withdrawn(const DeliveryKey& key, const Message& message, const DeliveryRecord& record) {
  if (directives_ == nullptr || directives_->empty()) return false;
  const auto pending = record.pending();
  return scheduler_.withdraw(key, scheduler_.judge(key, &message, &pending));
}

// When neither its account nor a limit stands in its way, what was taken for it; otherwise it is back in the queue.
Task<std::optional<std::unique_ptr<Grant>>> ShardPart::let_through(LaneKey lane, Taken taken, MessagePtr message,
                                                                   std::vector<std::uint16_t> pending) {
  const auto& parts = core_.parts;
  if (message->account && parts.account_suspension) {
    auto asking = parts.account_suspension(shard_, *message->account);
    auto reason = co_await std::move(asking);
    if (reason) {
      Block block;
      block.code = "account-suspended";
      block.reason = std::move(*reason);
      block.account = message->account;
      record_held(*message, taken.key, block.code + ": " + block.reason);
      scheduler_.hold_strand(taken.key, std::move(block));
      co_return std::nullopt;
    }
  }
  if (parts.gate == nullptr) co_return std::unique_ptr<Grant>{};
  HandOut handing{lane, *message, static_cast<std::uint16_t>(pending.size())};
  if (message->not_before && *message->not_before > parts.clock.now()) handing.not_before = message->not_before;
  if (handing.not_before && parts.pace_of) {
    auto asking = parts.pace_of(shard_, message);
    handing.not_before = co_await std::move(asking);
  }
  auto answer = parts.gate->may_go(handing);
  if (!answer.pause) co_return std::move(answer.grant);
  scheduler_.pause(taken.key, *answer.pause);
  co_return std::nullopt;
}

Job ShardPart::make_job(const Taken& taken, Loaded loaded) {
  Job job;
  job.key = taken.key;
  job.recipients = loaded.record.pending();
  const auto& first = loaded.message->recipients[taken.key.index];
  if (!first.local) job.domain = first.recipient.address.domain;
  job.attempt = taken.attempts + 1U;
  job.message = std::move(loaded.message);
  return job;
}

Task<Result<ShardPart::Loaded>> ShardPart::load(DeliveryKey key, bool has_record) {
  const store::Kv& kv = core_.parts.store.kv();
  MessagePtr known = hot_.get(key.message);
  OnPool<Loaded> reading{core_.parts.pool, shard_,
                         [&kv, key, has_record, known] { return read_stored(kv, key, has_record, known); }};
  auto loaded = co_await reading;
  if (loaded) hot_.put(loaded->message);
  co_return loaded;
}

// On the pool.
Result<ShardPart::Loaded> ShardPart::read_stored(const store::Kv& kv, DeliveryKey key, bool has_record,
                                                 MessagePtr known) {
  Loaded loaded;
  loaded.message = std::move(known);
  if (!loaded.message) {
    auto bytes = kv.get(store::Family::kQueue, message_key(key.message));
    if (!bytes) return fail(std::move(bytes.error()));
    if (!*bytes) return fail(ErrorCode::kNotFound, "the message's record is not in the store");
    auto message = Message::decode(**bytes);
    if (!message) return fail(std::move(message.error()));
    loaded.message = std::make_shared<const Message>(std::move(*message));
  }
  loaded.record = fresh_record(*loaded.message, key.index);
  if (!has_record) return loaded;
  auto bytes = kv.get(store::Family::kQueue, delivery_key(key));
  if (!bytes) return fail(std::move(bytes.error()));
  if (!*bytes) return loaded;
  auto record = DeliveryRecord::decode(**bytes);
  if (!record) return fail(std::move(record.error()));
  loaded.record = std::move(*record);
  return loaded;
}

// A record that fails to read must neither be lost nor spin: it rests, and the log says which it is.
void ShardPart::unreadable(const Taken& taken, const Error& error) {
  const bool is_busy = error.code == ErrorCode::kUnavailable;
  if (!is_busy) core_.parts.log.error("delivery {} cannot be read: {}", taken.key.text(), error.message);
  if (is_busy) look_again_at_ = core_.parts.clock.steady() + kBusyRest;
  scheduler_.postpone(taken.key, core_.timeline.now() + (is_busy ? kBusyRest : kUnreadableRest));
}

void ShardPart::worker_ended(const LaneKey& lane) {
  scheduler_.worker_ended(lane);
  pump();
}

Task<bool> ShardPart::finish(Job job, Outcome outcome) {
  auto node = active_.extract(job.key);
  if (node.empty()) {
    core_.parts.log.error("delivery {} ended twice", job.key.text());
    co_return false;
  }
  const bool is_untried = outcome.kind != Outcome::Kind::kAttempted;
  if (is_untried && node.mapped().grant != nullptr) node.mapped().grant->give_back();
  if (outcome.kind == Outcome::Kind::kUnsent) {
    scheduler_.put_back(job.key);
    pump();
    co_return true;
  }
  if (outcome.kind == Outcome::Kind::kHeld) {
    hold(job, node.mapped(), outcome);
    pump();
    co_return true;
  }
  Conclusion conclusion;
  conclusion.message = job.message;
  conclusion.key = job.key;
  conclusion.settled = settle_attempt(*job.message, node.mapped().record, outcome, context(node.mapped().expires_at));
  conclusion.active = std::move(node.mapped());
  conclusion.batch = std::move(outcome.batch);
  auto concluding = conclude(std::move(conclusion));
  co_return co_await std::move(concluding);
}

// What changed while the worker decided may have brought what was missing: then the lane goes on at once.
void ShardPart::hold(const Job& job, const Active& active, const Outcome& outcome) {
  if (active.sources_generation != core_.sources_generation) {
    scheduler_.put_back(job.key);
    return;
  }
  const LaneKey lane = scheduler_.lane_of(job.key);
  const bool was_held = scheduler_.is_held(lane);
  auto sources = core_.parts.sources_of ? core_.parts.sources_of(lane) : std::vector<IpAddress>{};
  scheduler_.hold_lane(job.key, outcome.reason, outcome.hold_code, std::move(sources));
  if (!was_held) record_lane(lane, trace::EventKind::kHeld, outcome.hold_code + ": " + outcome.reason);
}

void ShardPart::record_held(const Message& message, const DeliveryKey& key, const std::string& detail) {
  auto event = event_of(message, trace::EventKind::kHeld, core_.parts.clock.now());
  for (const auto recipient : group_at(message, key.index).recipients) {
    event.recipients.push_back(message.recipients[recipient].recipient.address.text());
  }
  event.detail = detail;
  const LaneKey lane = scheduler_.lane_of(key);
  if (names_site(lane)) event.site = lane.site;
  core_.parts.trace.record(std::move(event));
}

// One line for each delivery of the lane whose message is in memory; the state itself is the lane's.
void ShardPart::record_lane(const LaneKey& lane, trace::EventKind kind, const std::string& detail,
                            std::optional<AttributeRef> strand) {
  for (const auto& key : scheduler_.ready_in(lane, kLaneEventsMax, strand)) {
    const MessagePtr message = hot_.peek(key.message);
    if (!message) continue;
    auto event = event_of(*message, kind, core_.parts.clock.now());
    for (const auto recipient : group_at(*message, key.index).recipients) {
      event.recipients.push_back(message->recipients[recipient].recipient.address.text());
    }
    event.detail = detail;
    if (names_site(lane)) event.site = lane.site;
    if (core_.parts.on_event) core_.parts.on_event(event);
    if (core_.parts.on_progress) core_.parts.on_progress({lane, *message, event, {}});
    core_.parts.trace.record(std::move(event));
  }
}

// What time asks for: an expiry or a delay warning.
Task<void> ShardPart::look_after(Taken taken) {
  auto loading = load(taken.key, taken.has_record);
  auto loaded = co_await std::move(loading);
  if (loaded && is_withdrawn(taken.key, *loaded->message, loaded->record)) {
    // A directive holds it, or ends it in its own way.
  } else if (loaded) {
    Conclusion conclusion;
    conclusion.cause = taken.is_expired ? Cause::kTime : Cause::kWarning;
    conclusion.message = loaded->message;
    conclusion.key = taken.key;
    conclusion.active.is_sole = taken.is_sole;
    conclusion.active.has_record = taken.has_record;
    const auto when = context(taken.expires_at);
    conclusion.settled = taken.is_expired ? settle_expiry(*loaded->message, loaded->record, when)
                                          : settle_warning(*loaded->message, loaded->record, when);
    auto concluding = conclude(std::move(conclusion));
    co_await std::move(concluding);
  } else {
    unreadable(taken, loaded.error());
  }
  --looking_after_;
  pump();
}

SettlementContext ShardPart::context(UtcTime expires_at) {
  retry_ = core_.retry();
  return {core_.parts.clock.now(), core_.timeline.now(), *retry_, core_.parts.random, expires_at};
}

}  // namespace bulkhead::queue

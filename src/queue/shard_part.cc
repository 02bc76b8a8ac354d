#include "src/queue/shard_part.h"

#include "src/queue/bridge.h"
#include "src/queue/grouping.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kHotBytesMax = 32 << 20;
constexpr std::size_t kLookingAfterMax = 16;  // expiries and warnings at once
constexpr std::size_t kLaneEventsMax = 1000;  // held and released lines of one lane at once
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::minutes kUnreadableRest{5};  // until a record that cannot be read is tried again

}  // namespace

ShardPart::ShardPart(Core& core, net::Shard& shard)
    : core_(core),
      shard_(shard),
      group_(std::make_unique<net::TaskGroup>(shard, core.parts.log)),
      scheduler_(SchedulerLimits{}, core.timeline),
      hot_(kHotBytesMax),
      ledger_(shard),
      planner_(core, *this) {}

void ShardPart::start() {
  group_->spawn(tick());
}

Task<void> ShardPart::tick() {
  for (;;) {
    pump();
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
}

void ShardPart::pump_once() {
  scheduler_.run_timers();
  for (const auto& lane : scheduler_.released()) {
    record_lane(lane, trace::EventKind::kReleased, "the directory or the addresses of this host changed");
  }
  while (auto lane = scheduler_.next_start()) carrier_->start_worker(std::move(*lane));
  while (looking_after_ < kLookingAfterMax) {
    const auto taken = scheduler_.next_overdue();
    if (!taken) break;
    ++looking_after_;
    group_->spawn(look_after(*taken));
  }
}

void ShardPart::receive(const Planned& planned, const MessagePtr& message) {
  if (message) hot_.put(message);
  scheduler_.add(planned);
  if (message && scheduler_.is_held(planned.lane)) {
    auto event = event_of(*message, trace::EventKind::kHeld, core_.parts.clock.now());
    event.detail = scheduler_.hold_of(planned.lane);
    core_.parts.trace.record(std::move(event));
  }
  pump();
}

void ShardPart::sources_changed() {
  planner_.forget_sites();
  std::unordered_map<const Lane*, bool> abandoned;
  scheduler_.make_due([&](const DeliveryStatus& status) {
    const auto [found, is_new] = abandoned.try_emplace(status.lane, false);
    if (is_new) found->second = carrier_->is_abandoned(status.lane->key);
    return found->second;
  });
  scheduler_.release_held();
  pump();
}

Task<std::optional<Job>> ShardPart::take(LaneKey lane) {
  while (const auto taken = scheduler_.take(lane)) {
    Active active;
    active.is_sole = taken->is_sole;
    active.has_record = taken->has_record;
    active.sources_generation = core_.sources_generation;
    active.taken_at = core_.parts.clock.steady();
    Loaded loaded;
    if (!taken->has_record) loaded.message = hot_.get(taken->key.message);
    if (loaded.message) {
      loaded.record = fresh_record(*loaded.message, taken->key.index);
    } else {
      auto loading = load(taken->key, taken->has_record);
      auto read = co_await std::move(loading);
      if (!read) {
        unreadable(*taken, read.error());
        continue;
      }
      loaded = std::move(*read);
    }
    if (move_if_misplaced(lane, *taken, loaded)) continue;
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
  OnPool<Loaded> reading{core_.parts.pool, shard_, [&kv, key, has_record, known]() -> Result<Loaded> {
                           Loaded loaded;
                           loaded.message = known;
                           if (!known) {
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
                         }};
  auto loaded = co_await reading;
  if (loaded) hot_.put(loaded->message);
  co_return loaded;
}

// A record that fails to read must neither be lost nor spin: it rests, and the log says which it is.
void ShardPart::unreadable(const Taken& taken, const Error& error) {
  const bool is_busy = error.code == ErrorCode::kUnavailable;
  if (!is_busy) core_.parts.log.error("delivery {} cannot be read: {}", taken.key.text(), error.message);
  const auto rest = is_busy ? std::chrono::seconds{1} : std::chrono::seconds{kUnreadableRest};
  scheduler_.postpone(taken.key, core_.timeline.now() + rest);
}

void ShardPart::worker_ended(const LaneKey& lane) {
  scheduler_.worker_ended(lane);
  pump();
}

Task<void> ShardPart::finish(Job job, Outcome outcome) {
  auto node = active_.extract(job.key);
  if (node.empty()) {
    core_.parts.log.error("delivery {} ended twice", job.key.text());
    co_return;
  }
  if (outcome.kind == Outcome::Kind::kUnsent) {
    scheduler_.put_back(job.key);
    pump();
    co_return;
  }
  if (outcome.kind == Outcome::Kind::kHeld) {
    hold(job, node.mapped(), outcome);
    pump();
    co_return;
  }
  Conclusion conclusion;
  conclusion.message = job.message;
  conclusion.key = job.key;
  conclusion.settled = settle_attempt(*job.message, node.mapped().record, outcome, context());
  conclusion.active = std::move(node.mapped());
  conclusion.batch = std::move(outcome.batch);
  auto concluding = conclude(std::move(conclusion));
  co_await std::move(concluding);
}

// What changed while the worker decided may have brought what was missing: then the lane goes on at once.
void ShardPart::hold(const Job& job, const Active& active, const Outcome& outcome) {
  if (active.sources_generation != core_.sources_generation) {
    scheduler_.put_back(job.key);
    return;
  }
  const LaneKey lane = scheduler_.lane_of(job.key);
  const bool was_held = scheduler_.is_held(lane);
  scheduler_.hold_lane(job.key, outcome.reason, outcome.hold_code);
  if (!was_held) record_lane(lane, trace::EventKind::kHeld, outcome.hold_code + ": " + outcome.reason);
}

// One line for each delivery of the lane whose message is in memory; the state itself is the lane's.
void ShardPart::record_lane(const LaneKey& lane, trace::EventKind kind, const std::string& detail) {
  for (const auto& key : scheduler_.ready_in(lane, kLaneEventsMax)) {
    const MessagePtr message = hot_.peek(key.message);
    if (!message) continue;
    auto event = event_of(*message, kind, core_.parts.clock.now());
    for (const auto recipient : group_at(*message, key.index).recipients) {
      event.recipients.push_back(message->recipients[recipient].recipient.address.text());
    }
    event.detail = detail;
    if (core_.parts.on_event) core_.parts.on_event(event);
    if (core_.parts.on_progress) core_.parts.on_progress({lane, *message, event, {}});
    core_.parts.trace.record(std::move(event));
  }
}

// What time asks for: an expiry or a delay warning.
Task<void> ShardPart::look_after(Taken taken) {
  auto loading = load(taken.key, taken.has_record);
  auto loaded = co_await std::move(loading);
  if (loaded) {
    Conclusion conclusion;
    conclusion.cause = taken.is_expired ? Cause::kTime : Cause::kWarning;
    conclusion.message = loaded->message;
    conclusion.key = taken.key;
    conclusion.active.is_sole = taken.is_sole;
    conclusion.active.has_record = taken.has_record;
    conclusion.settled = taken.is_expired ? settle_expiry(*loaded->message, loaded->record, context())
                                          : settle_warning(*loaded->message, loaded->record, context());
    auto concluding = conclude(std::move(conclusion));
    co_await std::move(concluding);
  } else {
    unreadable(taken, loaded.error());
  }
  --looking_after_;
  pump();
}

SettlementContext ShardPart::context() {
  return {core_.parts.clock.now(), core_.timeline.now(), core_.parts.retry, core_.parts.random};
}

}  // namespace bulkhead::queue

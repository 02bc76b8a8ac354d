// What a shard does for directives in the background: the sweep over its deliveries, the removal of what is purged,
// the return of what is bounced. Each works in small portions, so that other mail flows on beside it.

#include "src/queue/bridge.h"
#include "src/queue/grouping.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kSweepSlice = 4000;  // entries; well under a millisecond
constexpr std::size_t kJudgeSlice = 200;   // messages that are read at once to be judged
// At most 200 messages in 10 ms: 20,000 a second and shard leave the disk to others.
constexpr std::size_t kPurgeBatch = 200;
constexpr std::chrono::milliseconds kPurgeRest{10};
// At most 10 reports in 100 ms.
constexpr std::size_t kGivingBackMax = 64;  // batches

constexpr std::size_t kBounceBatch = 10;
constexpr std::chrono::milliseconds kBounceRest{100};
constexpr std::chrono::seconds kRetry{1};  // after the store or the pool refused; each time twice as long, up to:
constexpr std::chrono::seconds kRetryMax{300};

}  // namespace

void ShardPart::set_directives(DirectiveSetPtr directives) {
  directives_ = std::move(directives);
  scheduler_.set_directives(directives_);
  if (!is_sweeping_ && scheduler_.is_sweeping()) group_->spawn(sweep());
}

void ShardPart::end_accept(std::uint32_t epoch) {
  const auto found = accepting_.find(epoch);
  if (--found->second == 0) accepting_.erase(found);
}

bool ShardPart::is_accepting_before(std::uint32_t epoch) const {
  return !accepting_.empty() && accepting_.begin()->first < epoch;
}

Task<void> ShardPart::sweep() {
  is_sweeping_ = true;
  while (scheduler_.is_sweeping() && !core_.is_stopping) {
    auto unsure = scheduler_.sweep(kSweepSlice);
    while (!unsure.empty() && !core_.is_stopping) {
      auto judging = judge_with_messages(std::move(unsure));
      unsure = co_await std::move(judging);
      if (unsure.empty()) break;
      auto sleeping = shard_.sleep(kRetry, *group_);
      const bool goes_on = co_await std::move(sleeping);
      if (!goes_on) break;
    }
    pump();
    Yield others{shard_};
    co_await others;
  }
  is_sweeping_ = false;
}

// Those whose selectors ask for what only the message tells. Answers those that could not be read for now.
Task<std::vector<DeliveryKey>> ShardPart::judge_with_messages(std::vector<DeliveryKey> unsure) {
  std::vector<DeliveryKey> unread;
  for (std::size_t at = 0; at < unsure.size() && !core_.is_stopping; at += kJudgeSlice) {
    std::vector<Doomed> wanted;
    for (std::size_t i = at; i < std::min(at + kJudgeSlice, unsure.size()); ++i) {
      const auto status = scheduler_.find(unsure[i]);
      if (!status) continue;
      const MessagePtr known = status->has_record ? nullptr : hot_.peek(unsure[i].message);
      if (!known) {
        wanted.push_back({.key = unsure[i], .has_record = status->has_record});
        continue;
      }
      const auto pending = fresh_record(*known, unsure[i].index).pending();
      scheduler_.judge_read(unsure[i], *known, pending);
    }
    if (wanted.empty()) continue;
    auto reading = load_all(wanted);
    const auto loaded = co_await std::move(reading);
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      if (loaded[i]) {
        const auto pending = loaded[i]->record.pending();
        scheduler_.judge_read(wanted[i].key, *loaded[i]->message, pending);
      } else if (loaded[i].error().code == ErrorCode::kUnavailable) {
        unread.push_back(wanted[i].key);
      } else {
        scheduler_.settle(wanted[i].key);  // it is judged when its turn comes
      }
    }
  }
  co_return unread;
}

// What came back, or came in, while directives were in force that only its message can answer: it is in its lane, where
// it is judged before it is handed out, and this puts what is held where it belongs although nothing takes it.
Task<void> ShardPart::judge_unsure() {
  is_judging_ = true;
  while (scheduler_.has_unsure() && !core_.is_stopping) {
    auto judging = judge_with_messages(scheduler_.take_unsure(kJudgeSlice));
    const auto unread = co_await std::move(judging);
    for (const auto& key : unread) scheduler_.judge_later(key);
    if (unread.empty()) continue;
    auto sleeping = shard_.sleep(kRetry, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  is_judging_ = false;
  if (scheduler_.is_sweeping() && !is_sweeping_) group_->spawn(sweep());
}

Task<std::vector<Result<ShardPart::Loaded>>> ShardPart::load_all(std::vector<Doomed> wanted) {
  using All = std::vector<Result<Loaded>>;
  const store::Kv& kv = core_.parts.store.kv();
  OnPool<All> reading{core_.parts.pool, shard_, [&kv, &wanted]() -> Result<All> {
                        All all;
                        for (const auto& one : wanted) all.push_back(read_stored(kv, one.key, one.has_record, nullptr));
                        return all;
                      }};
  auto all = co_await reading;
  if (all) co_return std::move(*all);
  All failed;
  for (std::size_t i = 0; i < wanted.size(); ++i) failed.push_back(fail(Error{all.error()}));
  co_return failed;
}

// Begins what is to be done for doomed deliveries, when nobody is at it.
void ShardPart::work_off() {
  if (scheduler_.doomed() == 0 || core_.is_stopping) return;
  if (!is_purging_) group_->spawn(purge());
  if (!is_bouncing_) group_->spawn(bounce());
}

Task<void> ShardPart::purge() {
  is_purging_ = true;
  for (auto retry = kRetry; !core_.is_stopping;) {
    auto batch = scheduler_.take_doomed(DirectiveAction::kPurge, kPurgeBatch);
    if (batch.empty()) break;
    bool is_done = true;
    std::vector<Doomed> sole;
    for (const auto& doomed : batch) {
      if (doomed.is_sole) {
        sole.push_back(doomed);
        continue;
      }
      // The last delivery of a message removes it: they take turns.
      scheduler_.activate_purged(doomed.key);
      auto ending = end_by_order(doomed, DirectiveAction::kPurge);
      const bool is_ended = co_await std::move(ending);
      is_done = is_done && is_ended;
    }
    auto removing = purge_batch(std::move(sole));
    const bool is_removed = co_await std::move(removing);
    is_done = is_done && is_removed;
    auto sleeping = is_done ? shard_.sleep(kPurgeRest, *group_) : shard_.sleep(retry, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
    retry = is_done ? kRetry : std::min(retry * 2, kRetryMax);
  }
  is_purging_ = false;
}

ShardPart::Conclusion ShardPart::conclusion_of(const Doomed& doomed, Loaded loaded, const Directive* directive) {
  Conclusion conclusion;
  conclusion.cause = Cause::kOrder;
  conclusion.key = doomed.key;
  conclusion.active.is_sole = doomed.is_sole;
  conclusion.active.has_record = doomed.has_record;
  conclusion.settled = settle_order(*loaded.message, loaded.record, *directive, context());
  conclusion.only_local_reports = !directive->reports_to_all;
  conclusion.message = std::move(loaded.message);
  return conclusion;
}

// Paced mail whose time had not come: what it reserved of its limits was never used.
void ShardPart::note_unpaced(const Conclusion& conclusion, std::size_t recipients, std::vector<Unpaced>& unpaced) {
  const auto& not_before = conclusion.message->not_before;
  if (!core_.parts.give_back_pace || !not_before || *not_before <= core_.parts.clock.now()) return;
  unpaced.push_back({conclusion.message, static_cast<std::uint32_t>(recipients), conclusion.key.index == 0});
}

// Beside the work of the order, which does not wait for a directory that is slow to answer. What is given back to
// nobody because of that passes with its time.
void ShardPart::give_back_pace(std::vector<Unpaced> unpaced) {
  if (unpaced.empty() || giving_back_ >= kGivingBackMax) return;
  ++giving_back_;
  group_->spawn(give_back_paced(std::move(unpaced)));
}

Task<void> ShardPart::give_back_paced(std::vector<Unpaced> unpaced) {
  auto giving = core_.parts.give_back_pace(shard_, std::move(unpaced));
  co_await std::move(giving);
  --giving_back_;
}

// Many messages with one commit: their records, their bodies, a line of the trace for each.
Task<bool> ShardPart::purge_batch(std::vector<Doomed> batch) {
  auto reading = load_all(batch);
  auto loaded = co_await std::move(reading);
  store::Transaction transaction;
  std::vector<Doomed> removed, unread;
  std::vector<trace::Event> events;
  std::vector<Unpaced> unpaced;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Directive* directive = directives_ ? directives_->find(batch[i].number) : nullptr;
    if (directive == nullptr) {
      scheduler_.undo_doom(batch[i].key);
      continue;
    }
    if (!loaded[i] && loaded[i].error().code == ErrorCode::kNotFound) {
      removed.push_back(batch[i]);  // nothing is left of it
      continue;
    }
    if (!loaded[i] && loaded[i].error().code == ErrorCode::kUnavailable) {
      unread.push_back(batch[i]);
      continue;
    }
    const auto pending = loaded[i] ? loaded[i]->record.pending() : std::vector<std::uint16_t>{};
    const bool is_meant =
        loaded[i] && matches_message(directive->selector, *loaded[i]->message, pending, directive->given_at);
    if (!is_meant) {
      // What cannot be read, or is not what its hash said, is never removed: it stays for the next start.
      core_.parts.log.error("delivery {} is not purged: {}", batch[i].key.text(),
                            loaded[i] ? "it is not what was ordered" : loaded[i].error().message);
      continue;
    }
    const auto conclusion = conclusion_of(batch[i], std::move(*loaded[i]), directive);
    auto one = transaction_of(*this, conclusion, true);
    transaction.batch.append(std::move(one.batch));
    transaction.releases.insert(transaction.releases.end(), one.releases.begin(), one.releases.end());
    events.insert(events.end(), conclusion.settled.events.begin(), conclusion.settled.events.end());
    note_unpaced(conclusion, pending.size(), unpaced);
    removed.push_back(batch[i]);
  }
  if (!transaction.batch.empty()) {
    CommitOf committing{core_.parts.store, shard_, std::move(transaction)};
    auto committed = co_await committing;
    if (!committed) {
      core_.parts.log.error("purged messages cannot be removed: {}; it is tried again", committed.error().message);
      for (const auto& doomed : removed) scheduler_.doom_again(doomed, DirectiveAction::kPurge);
      for (const auto& doomed : unread) scheduler_.doom_again(doomed, DirectiveAction::kPurge);
      co_return false;
    }
  }
  for (const auto& doomed : unread) scheduler_.doom_again(doomed, DirectiveAction::kPurge);
  for (const auto& event : events) core_.publish(event);
  give_back_pace(std::move(unpaced));
  for (const auto& doomed : removed) {
    if (!scheduler_.finish_purged(doomed.key)) continue;
    hot_.remove(doomed.key.message);
    --core_.messages;
    scheduler_.note_done(doomed.number, 1, 1);
  }
  co_return unread.empty();
}

// Reports are small messages of their own: they go out at a rate that neither the disk nor a remote server minds.
Task<void> ShardPart::bounce() {
  is_bouncing_ = true;
  for (auto retry = kRetry; !core_.is_stopping;) {
    const auto batch = scheduler_.take_doomed(DirectiveAction::kBounce, kBounceBatch);
    if (batch.empty()) break;
    bool is_done = true;
    for (const auto& doomed : batch) {
      auto ending = end_by_order(doomed, DirectiveAction::kBounce);
      const bool is_ended = co_await std::move(ending);
      is_done = is_done && is_ended;
    }
    auto sleeping = is_done ? shard_.sleep(kBounceRest, *group_) : shard_.sleep(retry, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
    retry = is_done ? kRetry : std::min(retry * 2, kRetryMax);
  }
  is_bouncing_ = false;
}

// Ends one delivery, which is active, with all that belongs to an end. False when the store cannot do it now: then it
// stands in the line of what the order has taken again.
Task<bool> ShardPart::end_by_order(Doomed doomed, DirectiveAction action) {
  auto loading = load(doomed.key, doomed.has_record);
  auto loaded = co_await std::move(loading);
  const Directive* directive = directives_ ? directives_->find(doomed.number) : nullptr;
  if (directive == nullptr) {
    scheduler_.put_back(doomed.key);
    co_return true;
  }
  if (!loaded && loaded.error().code == ErrorCode::kUnavailable) {
    scheduler_.doom_again(doomed, action);
    co_return false;
  }
  const auto pending = loaded ? loaded->record.pending() : std::vector<std::uint16_t>{};
  if (!loaded || !matches_message(directive->selector, *loaded->message, pending, directive->given_at)) {
    core_.parts.log.error("delivery {} is not ended: {}; it stays for the next start", doomed.key.text(),
                          loaded ? "it is not what was ordered" : loaded.error().message);
    scheduler_.finish(doomed.key);
    co_return true;
  }
  Conclusion conclusion = conclusion_of(doomed, std::move(*loaded), directive);
  std::vector<Unpaced> unpaced;
  note_unpaced(conclusion, pending.size(), unpaced);
  auto concluding = conclude(std::move(conclusion));
  const bool is_durable = co_await std::move(concluding);
  if (is_durable) {
    scheduler_.note_done(doomed.number, 1, doomed.is_sole ? 1 : 0);
    give_back_pace(std::move(unpaced));
  } else {
    scheduler_.doom_again(doomed, action);
  }
  co_return is_durable;
}

}  // namespace bulkhead::queue

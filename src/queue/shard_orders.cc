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
constexpr std::size_t kBounceBatch = 10;
constexpr std::chrono::milliseconds kBounceRest{100};
constexpr std::chrono::seconds kRetry{1};  // after the store or the pool refused

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
    if (!unsure.empty()) {
      auto judging = judge_with_messages(std::move(unsure));
      co_await std::move(judging);
    }
    pump();
    Yield others{shard_};
    co_await others;
  }
  is_sweeping_ = false;
}

// Those whose selectors ask for what only the message tells.
Task<void> ShardPart::judge_with_messages(std::vector<DeliveryKey> unsure) {
  for (std::size_t at = 0; at < unsure.size() && !core_.is_stopping; at += kJudgeSlice) {
    std::vector<Doomed> wanted;
    for (std::size_t i = at; i < std::min(at + kJudgeSlice, unsure.size()); ++i) {
      const auto status = scheduler_.find(unsure[i]);
      if (status) wanted.push_back({.key = unsure[i], .has_record = status->has_record});
    }
    auto reading = load_all(wanted);
    const auto loaded = co_await std::move(reading);
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      if (!loaded[i]) continue;  // it is judged when its turn comes
      const auto pending = loaded[i]->record.pending();
      scheduler_.apply(wanted[i].key, scheduler_.judge(wanted[i].key, loaded[i]->message.get(), &pending));
    }
  }
}

// What came back, or came in, while directives were in force that only its message can answer: it is in its lane, where
// it is judged before it is handed out, and this puts what is held where it belongs although nothing takes it.
Task<void> ShardPart::judge_unsure() {
  is_judging_ = true;
  while (scheduler_.has_unsure() && !core_.is_stopping) {
    auto unsure = scheduler_.take_unsure(kJudgeSlice);
    auto judging = judge_with_messages(std::move(unsure));
    co_await std::move(judging);
  }
  is_judging_ = false;
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
  while (!core_.is_stopping) {
    auto batch = scheduler_.take_doomed(DirectiveAction::kPurge, kPurgeBatch);
    if (batch.empty()) break;
    std::vector<Doomed> sole;
    for (const auto& doomed : batch) {
      if (doomed.is_sole) {
        sole.push_back(doomed);
        continue;
      }
      // The last delivery of a message removes it: they take turns.
      scheduler_.activate_purged(doomed.key);
      auto ending = end_by_order(doomed);
      co_await std::move(ending);
    }
    auto removing = purge_batch(std::move(sole));
    const bool is_done = co_await std::move(removing);
    auto sleeping = shard_.sleep(is_done ? kPurgeRest : kRetry, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
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

// Many messages with one commit: their records, their bodies, a line of the trace for each.
Task<bool> ShardPart::purge_batch(std::vector<Doomed> batch) {
  auto reading = load_all(batch);
  auto loaded = co_await std::move(reading);
  store::Transaction transaction;
  std::vector<Doomed> removed, unread;
  std::vector<trace::Event> events;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Directive* directive = directives_ ? directives_->find(batch[i].number) : nullptr;
    if (!loaded[i] && loaded[i].error().code == ErrorCode::kNotFound) {
      removed.push_back(batch[i]);  // nothing is left of it
      continue;
    }
    if (!loaded[i] && loaded[i].error().code == ErrorCode::kUnavailable) {
      unread.push_back(batch[i]);
      continue;
    }
    const auto pending = loaded[i] ? loaded[i]->record.pending() : std::vector<std::uint16_t>{};
    const bool is_meant = loaded[i] && directive != nullptr &&
                          matches_message(directive->selector, *loaded[i]->message, pending, directive->given_at);
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
    removed.push_back(batch[i]);
  }
  if (!transaction.batch.empty()) {
    CommitOf committing{core_.parts.store, shard_, std::move(transaction)};
    auto committed = co_await committing;
    if (!committed) {
      core_.parts.log.error("purged messages cannot be removed: {}; it is tried again", committed.error().message);
      for (const auto& doomed : batch) scheduler_.doom_again(doomed.key);
      co_return false;
    }
  }
  for (const auto& doomed : unread) scheduler_.doom_again(doomed.key);
  for (const auto& event : events) core_.publish(event);
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
  while (!core_.is_stopping) {
    const auto batch = scheduler_.take_doomed(DirectiveAction::kBounce, kBounceBatch);
    if (batch.empty()) break;
    for (const auto& doomed : batch) {
      auto ending = end_by_order(doomed);
      co_await std::move(ending);
    }
    auto sleeping = shard_.sleep(kBounceRest, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  is_bouncing_ = false;
}

// Ends one delivery, which is active, with all that belongs to an end.
Task<void> ShardPart::end_by_order(Doomed doomed) {
  auto loading = load(doomed.key, doomed.has_record);
  auto loaded = co_await std::move(loading);
  const Directive* directive = directives_ ? directives_->find(doomed.number) : nullptr;
  if ((!loaded && loaded.error().code == ErrorCode::kUnavailable) || directive == nullptr) {
    scheduler_.postpone(doomed.key, core_.timeline.now() + kRetry);
    co_return;
  }
  const auto pending = loaded ? loaded->record.pending() : std::vector<std::uint16_t>{};
  if (!loaded || !matches_message(directive->selector, *loaded->message, pending, directive->given_at)) {
    core_.parts.log.error("delivery {} is not ended: {}; it stays for the next start", doomed.key.text(),
                          loaded ? "it is not what was ordered" : loaded.error().message);
    scheduler_.finish(doomed.key);
    co_return;
  }
  Conclusion conclusion = conclusion_of(doomed, std::move(*loaded), directive);
  auto concluding = conclude(std::move(conclusion));
  co_await std::move(concluding);
  scheduler_.note_done(doomed.number, 1, doomed.is_sole ? 1 : 0);
}

}  // namespace bulkhead::queue

// The end of an attempt, an expiry or a warning, made durable: one transaction holds the new state, the trace's
// lines, the reports to the sender, what local delivery stored, and the release of the body. A crash before it leaves
// everything as it was; after it, everything is done. So no recipient is reported twice, or not at all.

#include <algorithm>

#include "src/base/check.h"
#include "src/queue/bridge.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::milliseconds kCommitRetryFirst{500};
constexpr std::chrono::milliseconds kCommitRetryMax{10000};
// A store that failed for good: nothing is handed out any more, the delivery stays where it is for the next start.
constexpr std::chrono::hours kUntilRestart{24 * 365};

// Whether nothing can be committed in this run any more: the store is closing, or a sync has failed. The store's own
// state tells; another kUnavailable may pass.
bool is_final(const store::Store& store, const Error& error) {
  if (error.code == ErrorCode::kCancelled) return true;
  if (error.code != ErrorCode::kUnavailable) return false;
  const auto accepts = store.accepts_new();
  return !accepts && accepts.error().code == ErrorCode::kUnavailable;
}

std::unique_ptr<store::BlobWriter> body_of(store::Store& store, const Notice& notice) {
  auto writer = store.new_blob();
  if (!writer->append(notice.text)) return nullptr;
  return writer;
}

bool needs_notices(const Settlement& settled) {
  return !settled.failures.empty() || !settled.delays.empty() || !settled.successes.empty();
}

// What became of the report goes into the line about the failure, so that a search for the message leads to it.
void name_reports(std::vector<trace::Event>& events, const Notices& notices) {
  std::string what = notices.dropped;
  for (const auto& notice : notices.ready) {
    if (notice.kind == mail::DsnKind::kFailure) what = "reported by " + notice.message.id.text();
  }
  for (auto& event : events) {
    const bool is_failure = event.kind == trace::EventKind::kBounced || event.kind == trace::EventKind::kExpired;
    if (event.detail.empty() && (is_failure || notices.ready.empty())) event.detail = what;
  }
}

}  // namespace

// Where the message was going, for searches: what is still to be routed, or stays here, has no site.
void ShardPart::name_site(Conclusion& conclusion) const {
  const LaneKey lane = scheduler_.lane_of(conclusion.key);
  if (!names_site(lane)) return;
  for (auto& event : conclusion.settled.events) event.site = lane.site;
}

Task<bool> ShardPart::conclude(Conclusion conclusion) {
  name_site(conclusion);
  if (needs_notices(conclusion.settled)) {
    NoticeTerms terms{core_.timeline.now() + core_.retry()->expire_after, core_.epoch};
    if (conclusion.only_local_reports) terms.to = ReportTo::kLocalOnly;
    auto making = make_notices(core_.parts, shard_, conclusion.message, conclusion.settled, terms);
    conclusion.notices = co_await std::move(making);
    name_reports(conclusion.settled.events, conclusion.notices);
    for (const auto& notice : conclusion.notices.ready) {
      auto event = event_of(notice.message, trace::EventKind::kQueued, notice.message.queued_at);
      for (const auto& queued : notice.message.recipients) {
        event.recipients.push_back(queued.recipient.address.text());
      }
      event.detail = "a report about " + conclusion.message->id.text();
      conclusion.notice_events.push_back(std::move(event));
    }
  }
  const bool is_sole = conclusion.active.is_sole;
  ShardPart& owner = is_sole ? *this : core_.owner_of(conclusion.message->id);
  if (!is_sole) {
    OnShard there{owner.shard_};
    co_await there;
    MessageLedger::Turn turn{owner.ledger_, conclusion.message->id};
    co_await turn;
  }
  auto committing = commit(owner, conclusion);
  const bool is_durable = co_await std::move(committing);
  if (!is_sole) {
    if (is_durable) owner.keep_ledger(conclusion);
    owner.ledger_.release(conclusion.message->id);
    OnShard back{shard_};
    co_await back;
  }
  if (is_durable) {
    end_in_memory(conclusion);
  } else if (conclusion.cause != Cause::kOrder) {  // what an order ends is tried again by who works for it
    scheduler_.postpone(conclusion.key, core_.timeline.now() + kUntilRestart);
  }
  pump();
  co_return is_durable;
}

// On the owner's shard, with the message's turn. False when the store has failed for good, or the queue is stopping.
Task<bool> ShardPart::commit(ShardPart& owner, Conclusion& conclusion) {
  auto wait = kCommitRetryFirst;
  for (;;) {
    bool is_last = conclusion.settled.is_ended;
    if (!conclusion.active.is_sole) is_last = is_last && owner.ledger_.find(conclusion.message->id)->pending == 1;
    auto transaction = transaction_of(owner, conclusion, is_last);
    const bool is_whole = transaction.blobs.size() == conclusion.notices.ready.size();
    Result<store::Committed> committed = fail(ErrorCode::kFull, "the body of a report cannot be written");
    if (is_whole) {
      CommitOf committing{core_.parts.store, owner.shard_, std::move(transaction)};
      committed = co_await committing;
    }
    if (committed) {
      for (std::size_t i = 0; i < conclusion.notices.ready.size(); ++i) {
        conclusion.notices.ready[i].message.body = committed->blobs[i];
      }
      if (is_last) --core_.messages;
      co_return true;
    }
    core_.parts.log.error("the outcome of delivery {} cannot be made durable: {}", conclusion.key.text(),
                          committed.error().message);
    if (is_final(core_.parts.store, committed.error())) {
      for (const auto& part : core_.shards)
        part->shard_.post([&scheduler = part->scheduler_] { scheduler.stop_starting(); });
      co_return false;
    }
    // The outcome is known, only the disk refuses: sending again would be a duplicate, so it is the commit that is
    // tried again.
    auto sleeping = owner.shard_.sleep(wait, *owner.group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return false;
    wait = std::min(wait * 2, kCommitRetryMax);
  }
}

// Without blobs for all its notices when one cannot be written.
store::Transaction ShardPart::transaction_of(ShardPart& owner, const Conclusion& conclusion, bool is_last) {
  using store::Family;
  store::Transaction transaction;
  transaction.batch = conclusion.batch;
  const Message& message = *conclusion.message;
  if (is_last) {
    transaction.batch.remove(Family::kQueue, message_key(message.id));
    if (conclusion.active.has_record) transaction.batch.remove(Family::kQueue, delivery_key(conclusion.key));
    if (const auto* entry = owner.ledger_.find(message.id)) {
      for (const auto index : entry->records)
        transaction.batch.remove(Family::kQueue, delivery_key({message.id, index}));
    }
    transaction.releases.push_back(message.body);
  } else {
    transaction.batch.put(Family::kQueue, delivery_key(conclusion.key), conclusion.settled.record.encode());
  }
  if (conclusion.settled.releases_share) transaction.releases.push_back(message.body);
  for (const auto& event : conclusion.settled.events) core_.parts.trace.encode_into(transaction.batch, event);
  for (const auto& notice : conclusion.notices.ready) {
    auto body = body_of(core_.parts.store, notice);
    if (!body) return transaction;
    core_.accepted.note(notice.message.id);
    add_message(transaction, notice.message, std::move(body));
  }
  for (const auto& event : conclusion.notice_events) core_.parts.trace.encode_into(transaction.batch, event);
  return transaction;
}

// On the owner's shard, after the commit.
void ShardPart::keep_ledger(const Conclusion& conclusion) {
  auto* entry = ledger_.find(conclusion.message->id);
  if (!conclusion.settled.is_ended) return entry->note_record(conclusion.key.index);
  if (--entry->pending > 0) return entry->note_record(conclusion.key.index);
  BULKHEAD_CHECK(entry->waiting.empty());
  scheduler_.uncount_message(entry->counted);
  ledger_.close(conclusion.message->id);
}

// On the home shard, after the commit, while the delivery is still in its lane.
void ShardPart::tell_progress(const Conclusion& conclusion) {
  if (!core_.parts.on_progress || conclusion.settled.events.empty()) return;
  const LaneKey lane = scheduler_.lane_of(conclusion.key);
  std::optional<std::chrono::duration<double>> took;
  if (conclusion.cause == Cause::kAttempt) took = core_.parts.clock.steady() - conclusion.active.taken_at;
  for (const auto& event : conclusion.settled.events) {
    core_.parts.on_progress({lane, *conclusion.message, event, std::exchange(took, std::nullopt)});
  }
}

// On the home shard, after the commit.
void ShardPart::end_in_memory(Conclusion& conclusion) {
  for (const auto& event : conclusion.settled.events) core_.publish(event);
  tell_progress(conclusion);
  for (const auto& event : conclusion.notice_events) core_.publish(event);
  for (auto& notice : conclusion.notices.ready) {
    ++core_.messages;
    planner_.plan_fresh(std::make_shared<const Message>(std::move(notice.message)));
  }
  const Message& message = *conclusion.message;
  if (conclusion.settled.is_ended) {
    scheduler_.finish(conclusion.key);
    if (conclusion.active.is_sole) hot_.remove(message.id);
    return;
  }
  if (conclusion.cause == Cause::kWarning) {
    scheduler_.warned(conclusion.key);
    return;
  }
  const DeliveryRecord& record = conclusion.settled.record;
  if (scheduler_.withdraw_tried(conclusion.key, record, message)) return;
  if (message.recipients[conclusion.key.index].local) {
    scheduler_.reschedule(conclusion.key, record.attempts, record.next_attempt);
    return;
  }
  // Its domain's site may have changed since, or was the bare domain because DNS was away: it is asked for again.
  auto planned = scheduler_.extract(conclusion.key);
  BULKHEAD_CHECK(planned.has_value());
  planned->attempts = record.attempts;
  planned->has_record = true;
  planned->due = record.next_attempt;
  planner_.place(std::move(*planned), message.recipients[conclusion.key.index].recipient.address.domain, nullptr);
}

}  // namespace bulkhead::queue

#include "src/delivery/remote_worker.h"

#include <algorithm>
#include <utility>

#include "src/delivery/fate.h"
#include "src/delivery/suspension.h"

namespace bulkhead::delivery {

namespace {

using Worker = queue::ShardQueue::Worker;

Task<void> say_goodbye(std::unique_ptr<RemoteConnection> connection) {
  co_await connection->quit();
}

}  // namespace

void bid_farewell(Workshop& workshop, LaneConnection connection) {
  if (connection.remote == nullptr || workshop.group.is_cancelled()) return;
  workshop.group.spawn(say_goodbye(std::move(connection.remote)));
}

Task<void> run_remote_worker(Workshop& workshop, queue::LaneKey lane) {
  RemoteWorker worker{workshop, lane};
  co_await worker.run();
  workshop.parts.queue.worker_ended(lane);
}

RemoteWorker::RemoteWorker(Workshop& workshop, queue::LaneKey lane)
    : workshop_(workshop), lane_(std::move(lane)), settlement_(workshop), reading_(workshop.parts, lane_) {}

std::optional<RemoteWorker::Effort> RemoteWorker::effort_of(std::optional<queue::Job> job) const {
  if (!job) return std::nullopt;
  Effort effort;
  effort.pending = job->recipients;
  effort.job = std::move(*job);
  return effort;
}

Task<void> RemoteWorker::run() {
  std::optional<queue::Job> job = co_await workshop_.parts.queue.take(lane_, Worker::kFree);
  std::optional<Effort> effort = effort_of(std::move(job));
  while (effort) {
    co_await serve(*effort);
    if (must_end_connection()) drop_connection();
    co_await finish(std::move(*effort));
    effort = std::exchange(next_, std::nullopt);
    if (effort || workshop_.is_stopping) continue;
    job = co_await workshop_.parts.queue.take(lane_, Worker::kFree);
    effort = effort_of(std::move(job));
  }
  if (!connection_ || !connection_->remote->is_usable()) co_return;
  std::optional<LaneConnection> surplus = std::exchange(connection_, std::nullopt);
  // A connection that is kept for later is still one that the site has to bear.
  const bool is_counted = workshop_.parts.gate != nullptr && workshop_.parts.gate->is_counted(lane_);
  if (!workshop_.is_stopping && !is_counted) surplus = workshop_.idle.park(lane_, std::move(*surplus));
  if (surplus) bid_farewell(workshop_, std::move(*surplus));
}

std::size_t RemoteWorker::messages_per_connection() const {
  const std::size_t most = workshop_.settings.messages_per_connection;
  const auto limit =
      workshop_.parts.gate == nullptr ? std::nullopt : workshop_.parts.gate->messages_per_connection(lane_);
  return limit ? std::min<std::size_t>(most, *limit) : most;
}

bool RemoteWorker::must_end_connection() const {
  if (!connection_) return false;
  const smtp::ClientSession& session = connection_->remote->session();
  if (session.phase() == smtp::ClientPhase::kEnded) return true;
  if (session.phase() != smtp::ClientPhase::kReady) return false;  // the next message's envelope is under way
  const std::uint32_t mail_max = session.extensions().mail_max;
  return session.transactions() >= messages_per_connection() || (mail_max > 0 && session.transactions() >= mail_max);
}

void RemoteWorker::drop_connection() {
  if (!connection_) return;
  LaneConnection dropped = std::move(*connection_);
  connection_.reset();
  if (dropped.remote->session().phase() == smtp::ClientPhase::kReady) bid_farewell(workshop_, std::move(dropped));
}

// Deals with all recipients of a job; several transactions where the server limits their number.
Task<void> RemoteWorker::serve(Effort& effort) {
  // Only an envelope that is under way already is carried to its end.
  const bool is_begun = effort.parcel != nullptr && effort.parcel->is_begun;
  if (!is_begun && hold_if_suspended(*workshop_.parts.directory.snapshot(), lane_.tenant, effort.outcome)) co_return;
  while (!effort.pending.empty()) {
    const bool is_connected = connection_ && connection_->remote->session().phase() != smtp::ClientPhase::kEnded;
    if (effort.parcel != nullptr && !is_connected) {
      // Packed ahead for a connection that ended with the message before: at most its envelope was sent.
      effort.parcel.reset();
      drop_connection();
    }
    if (effort.parcel == nullptr) {
      const bool is_packed = co_await make_parcel(effort);
      if (!is_packed) co_return;
    }
    RemoteConnection& remote = *connection_->remote;
    co_await look_ahead();
    Parcel* next = next_ && next_->parcel ? next_->parcel.get() : nullptr;
    const bool was_used = remote.session().transactions() > (effort.parcel->is_begun ? 1U : 0U);
    smtp::ClientResult result;
    {
      net::TaskGroup::CancelHook hook{workshop_.group, [&remote] { remote.cancel(); }};
      result = co_await remote.carry(*effort.parcel, next);
    }
    const bool is_untaken = result.final
                                ? result.final->code == 421 && result.final_stage != smtp::ClientStage::kEndOfData
                                : !result.is_body_sent;
    const bool has_ended = remote.session().phase() == smtp::ClientPhase::kEnded;
    if (has_ended && is_untaken && was_used && !std::exchange(effort.has_retried, true)) {
      // The server closed a connection that it had served before: that is no answer to this message.
      effort.parcel.reset();
      drop_connection();
      continue;
    }
    const replies::Pace pace = record(effort, result);
    report(result, pace);
    effort.parcel.reset();
  }
}

// A connection, and the next transaction made for it. False: the outcome is complete.
Task<bool> RemoteWorker::make_parcel(Effort& effort) {
  const bool is_connected = co_await ensure_connection(effort);
  if (!is_connected) co_return false;
  const smtp::ClientExtensions offered = connection_->remote->session().extensions();
  std::size_t count = workshop_.settings.recipients_per_transaction;
  if (offered.rcpt_max > 0) count = std::min<std::size_t>(count, offered.rcpt_max);
  count = std::min(count, effort.pending.size());
  effort.carried.assign(effort.pending.begin(), effort.pending.begin() + static_cast<std::ptrdiff_t>(count));
  Packing packing = co_await pack(workshop_.reading, effort.job.message, effort.carried, offered);
  describe_remote(effort.outcome);
  effort.parcel = std::move(packing.parcel);
  if (effort.parcel != nullptr) co_return true;
  give_up(effort, packing.refusal.fate, packing.refusal.answer);
  co_return false;
}

// Takes the next message when its envelope can go behind this one's body.
Task<void> RemoteWorker::look_ahead() {
  const smtp::ClientSession& session = connection_->remote->session();
  const smtp::ClientExtensions offered = session.extensions();
  const bool is_worth_it = offered.has_pipelining && !offered.has_chunking && !workshop_.is_stopping;
  if (next_ || !is_worth_it || session.transactions() + 2 > messages_per_connection()) co_return;
  if (offered.mail_max > 0 && session.transactions() + 2 > offered.mail_max) co_return;
  std::optional<queue::Job> job = co_await workshop_.parts.queue.take(lane_, Worker::kBusy);
  next_ = effort_of(std::move(job));
  if (!next_ || !is_known_right(next_->job)) co_return;
  std::size_t count_max = workshop_.settings.recipients_per_transaction;
  if (offered.rcpt_max > 0) count_max = std::min<std::size_t>(count_max, offered.rcpt_max);
  if (next_->pending.size() > count_max) co_return;
  Packing packing = co_await pack(workshop_.reading, next_->job.message, next_->pending, offered);
  if (packing.parcel == nullptr) co_return;  // found again, and said, in its turn
  next_->carried = next_->pending;
  next_->parcel = std::move(packing.parcel);
  describe_remote(next_->outcome);
}

// Tells the gate how the site takes our mail: as the rules read its replies. Where they know nothing, a reply to the
// message says that it takes it, whatever it says; one that came with the end of the connection, or none at all, that
// it wants less.
void RemoteWorker::report(const smtp::ClientResult& result, replies::Pace pace) const {
  if (workshop_.parts.gate == nullptr) return;
  using Answer = SiteGate::Answer;
  using replies::Pace;
  if (pace == Pace::kPause) return workshop_.parts.gate->answered(lane_, Answer::kUnreachable);
  if (pace == Pace::kSlowDown || pace == Pace::kFewerConnections) {
    return workshop_.parts.gate->answered(lane_, Answer::kSlowed);
  }
  if (pace == Pace::kReconnect) return workshop_.parts.gate->answered(lane_, Answer::kTaken);
  const bool has_refused = std::ranges::any_of(result.refused, [](const auto& reply) { return reply.has_value(); });
  const bool is_slowed = result.final ? result.final->code == 421 : !has_refused && !workshop_.group.is_cancelled();
  if (!is_slowed && !result.final) return;
  workshop_.parts.gate->answered(lane_, is_slowed ? Answer::kSlowed : Answer::kTaken);
}

// Writes the fates of the parcel's recipients; those that only this transaction had no room for stay pending. How the
// lane is to go on, at the most careful reply's word.
replies::Pace RemoteWorker::record(Effort& effort, const smtp::ClientResult& result) {
  const RemoteConnection& remote = *connection_->remote;
  const bool is_first = effort.outcome.recipients.empty();
  const bool is_accepted = result.final && result.final->is_positive();
  if (!result.final && result.is_body_sent && !effort.carried.empty()) {
    const bool is_open = std::any_of(result.refused.begin(), result.refused.end(), [](const auto& r) { return !r; });
    if (is_open) workshop_.parts.metrics.ambiguous_delivery(lane_.site);
  }
  const smtp::ClientEnding& ending = connection_->remote->session().ending();
  const std::size_t known = effort.outcome.recipients.size();
  replies::Pace pace = replies::Pace::kUnchanged;
  for (std::size_t i = 0; i < effort.carried.size(); ++i) {
    const std::optional<smtp::Reply>& refused = result.refused[i];
    if (refused && is_accepted && is_too_many_recipients(*refused)) continue;
    queue::RecipientOutcome outcome;
    outcome.recipient = effort.carried[i];
    if (refused || result.final) {
      outcome.answer = answer_of(refused ? *refused : *result.final);
      const smtp::ClientStage stage = refused ? smtp::ClientStage::kRcpt : result.final_stage;
      outcome.fate = fate_of(outcome.answer, stage);
      pace = std::max(pace, reading_.read(outcome, stage, effort.outcome));
    } else {
      outcome.answer = own_answer("4.4.2", remote.target().text() + ": " + ending.why);
    }
    const bool is_delivered = outcome.fate == queue::Fate::kDelivered;
    outcome.is_dsn_relayed = is_delivered && connection_->remote->session().extensions().has_dsn;
    workshop_.parts.metrics.delivery_reply(lane_.site, is_delivered                           ? "2xx"
                                                       : outcome.answer.code == 0             ? "none"
                                                       : outcome.fate == queue::Fate::kFailed ? "5xx"
                                                                                              : "4xx");
    std::erase(effort.pending, outcome.recipient);
    effort.outcome.recipients.push_back(std::move(outcome));
  }
  const bool is_lost = !result.final && !result.is_body_sent;
  if (is_lost && is_first && workshop_.group.is_cancelled()) effort.outcome.kind = queue::Outcome::Kind::kUnsent;
  reading_.report(*effort.job.message, effort.outcome, known);
  return pace;
}

// All that are pending get the same fate.
void RemoteWorker::give_up(Effort& effort, queue::Fate fate, const queue::Answer& answer) {
  for (const std::uint16_t recipient : effort.pending) {
    effort.outcome.recipients.push_back({recipient, fate, answer, false});
  }
  effort.pending.clear();
}

void RemoteWorker::describe_remote(queue::Outcome& outcome) const {
  const RemoteConnection& remote = *connection_->remote;
  outcome.source = remote.target().source;
  outcome.remote = remote.target().text();
  outcome.remote_mta = remote.target().host;
  outcome.tls = remote.tls_text();
}

Task<void> RemoteWorker::finish(Effort effort) {
  if (effort.outcome.kind != queue::Outcome::Kind::kAttempted) effort.outcome.recipients.clear();
  co_await settlement_.finish(std::move(effort.job), std::move(effort.outcome), {});
}

}  // namespace bulkhead::delivery

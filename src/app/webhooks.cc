#include "src/app/webhooks.h"

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "src/app/webhook_rows.h"
#include "src/base/thread_name.h"
#include "src/webhook/signature.h"

namespace bulkhead::app {

namespace {

using store::Family;
using webhook::EndpointId;
using webhook::Outcome;
using webhook::Owner;
using webhook::Plan;
using webhook::Turn;

constexpr std::chrono::milliseconds kWaitMost{1000};

Owner owner_of(const EndpointId& id) {
  return id.is_nil() ? Owner::kOperator : Owner::kTenant;
}

}  // namespace

Webhooks::Webhooks(Parts parts) : parts_(std::move(parts)), plan_(parts_.clock, parts_.random) {}

void Webhooks::start() {
  thread_ = std::thread{[this] { run(); }};
}

void Webhooks::stop() {
  is_stopping_ = true;
  if (!thread_.joinable()) return;
  parts_.poster->wake();
  thread_.join();
}

void Webhooks::run() {
  name_this_thread("webhooks");
  while (!is_stopping_) work();
}

bool Webhooks::takes(const EndpointId& id) const {
  const std::lock_guard lock{mutex_};
  return plan_.takes(id);
}

void Webhooks::tell(const EndpointId& id, const std::string& body) {
  const std::lock_guard order{order_};
  std::optional<Plan::Place> place;
  {
    const std::lock_guard lock{mutex_};
    if (body.size() <= kBodyMax) place = plan_.add(id);
  }
  if (!place) return;
  const std::string unique = "msg_" + MessageId::make(parts_.clock, parts_.random).text();
  store::Transaction transaction;
  transaction.batch.put(Family::kMeta, event_key(id, place->number), encode_event({unique, body}));
  if (place->dropped) {
    ++dropped_;
    transaction.batch.remove(Family::kMeta, event_key(id, *place->dropped));
  }
  parts_.store.commit(std::move(transaction), [this, id, number = place->number](const Result<store::Committed>& done) {
    if (!done) {
      ++dropped_;
      parts_.log.warning("an event for the webhook of {} cannot be stored: {}", named(id), done.error().message);
    }
    {
      const std::lock_guard lock{mutex_};
      plan_.stored(id, number);
    }
    parts_.poster->wake();
  });
}

void Webhooks::work() {
  std::vector<Turn> turns;
  {
    const std::lock_guard lock{mutex_};
    turns = plan_.take_due(kPostsMax - std::min(kPostsMax, parts_.poster->open()));
  }
  for (const auto& turn : turns) begin(turn);
  parts_.poster->work(longest_wait());
}

std::chrono::milliseconds Webhooks::longest_wait() const {
  const std::lock_guard lock{mutex_};
  const auto next = plan_.next_time();
  const auto now = parts_.clock.steady();
  // With all places taken, one that becomes free ends the wait.
  if (parts_.poster->open() >= kPostsMax || next >= now + kWaitMost) return kWaitMost;
  return std::max(std::chrono::milliseconds{0}, std::chrono::ceil<std::chrono::milliseconds>(next - now));
}

void Webhooks::begin(const Turn& turn) {
  const auto read = parts_.store.kv().get(Family::kMeta, event_key(turn.endpoint, turn.number));
  if (!read) return conclude(turn, Outcome::kFailed, "the event cannot be read: " + read.error().message);
  auto event = *read ? decode_event(**read) : std::nullopt;
  if (!event) return conclude(turn, Outcome::kMissing, {});
  WebhookTarget target;
  {
    const std::lock_guard lock{mutex_};
    const auto found = targets_.find(turn.endpoint);
    if (found != targets_.end()) target = found->second;
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(parts_.clock.now()).time_since_epoch().count();
  webhook::Post post{.url = std::move(target.url),
                     .owner = owner_of(turn.endpoint),
                     .id = event->id,
                     .timestamp = std::to_string(now),
                     .signature = webhook::sign(target.secret, {event->id, now, event->body}),
                     .body = std::move(event->body)};
  parts_.poster->begin(std::move(post), [this, turn](const webhook::Answer& answer) { finish(turn, answer); });
}

void Webhooks::finish(const Turn& turn, const webhook::Answer& answer) {
  if (answer.status >= 200 && answer.status < 300) {
    ++taken_;
    return conclude(turn, Outcome::kTaken, {});
  }
  ++(answer.status == 410 ? gone_ : failed_);
  const auto outcome = answer.status == 410 ? Outcome::kGone : Outcome::kFailed;
  conclude(turn, outcome, answer.status == 0 ? answer.trouble : fmt::format("it answered {}", answer.status));
}

void Webhooks::conclude(const Turn& turn, Outcome outcome, std::string trouble) {
  const EndpointId& id = turn.endpoint;
  Plan::Verdict verdict{};
  bool was_failing = false;
  {
    const std::lock_guard lock{mutex_};
    const auto before = plan_.view(id);
    was_failing = before && before->failures > 0;
    verdict = plan_.done(turn, outcome, trouble);
  }
  if (outcome == Outcome::kFailed && !was_failing) {
    parts_.log.warning("the webhook of {} does not take events: {}", named(id), trouble);
  }
  if (outcome == Outcome::kTaken && was_failing) parts_.log.info("the webhook of {} takes events again", named(id));
  if (verdict == Plan::Verdict::kSwitchedOff) return switched_off(id);
  if (verdict == Plan::Verdict::kAgain) return;
  if (verdict == Plan::Verdict::kGivenUp) ++given_up_;
  store::Batch batch;
  batch.remove(Family::kMeta, event_key(id, turn.number));
  commit(std::move(batch));
}

void Webhooks::switched_off(const EndpointId& id) {
  parts_.log.warning("the webhook of {} answered 410 Gone: it is switched off until it is set again", named(id));
  store::Batch batch;
  batch.remove_range(Family::kMeta, event_key(id, 0), past_events(id));
  if (!id.is_nil()) {
    const std::lock_guard lock{mutex_};
    const auto found = targets_.find(id);
    if (found != targets_.end()) {
      batch.put(Family::kMeta, endpoint_key(id), encode_endpoint({found->second.url, found->second.secret, true}));
    }
  }
  commit(std::move(batch));
}

// Nobody waits: an event that is not removed is posted again by the next life.
void Webhooks::commit(store::Batch batch) {
  store::Transaction transaction;
  transaction.batch = std::move(batch);
  parts_.store.commit(std::move(transaction), [this](const Result<store::Committed>& done) {
    if (!done) parts_.log.warning("webhooks: an outcome cannot be stored: {}", done.error().message);
  });
}

Status Webhooks::commit_and_wait(store::Batch batch) {
  store::Transaction transaction;
  transaction.batch = std::move(batch);
  std::promise<Status> stored;
  parts_.store.commit(std::move(transaction), [&stored](const Result<store::Committed>& done) {
    stored.set_value(done ? Status{} : Status{fail(done.error())});
  });
  return stored.get_future().get();
}

std::string Webhooks::named(const EndpointId& id) const {
  return id.is_nil() ? "the operator" : "tenant " + parts_.name_of(id);
}

Webhooks::Readings Webhooks::readings() const {
  const std::lock_guard lock{mutex_};
  return {taken_, failed_, gone_, given_up_, dropped_, plan_.waiting(), plan_.failing()};
}

}  // namespace bulkhead::app

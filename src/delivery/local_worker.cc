#include "src/delivery/local_worker.h"

#include <optional>
#include <utility>
#include <vector>

#include "src/delivery/fate.h"
#include "src/delivery/settlement.h"
#include "src/delivery/suspension.h"

namespace bulkhead::delivery {

namespace {

using queue::Fate;

struct Drop {
  std::uint16_t recipient = 0;  // index into the message's
  tenants::Account account;
  mailbox::IncomingMessage message;
};

struct Dropped {
  std::vector<Result<mailbox::Stored>> results;  // in the order of the drops
  store::Batch batch;
};

struct LocalEffort {
  queue::Job job;
  queue::Outcome outcome;
  std::vector<Drop> drops;
  std::vector<trace::Event> events;
};

void note(LocalEffort& effort, std::uint16_t recipient, Fate fate, std::string_view enhanced, std::string text) {
  queue::Answer answer = own_answer(enhanced, std::move(text));
  answer.code = fate == Fate::kDelivered ? 250 : fate == Fate::kDeferred ? 451 : 550;
  effort.outcome.recipients.push_back({recipient, fate, std::move(answer), false});
}

// Nobody keeps it: its share of the body goes with the delivery.
void note_consumed(LocalEffort& effort, std::uint16_t recipient, std::string text) {
  note(effort, recipient, Fate::kDelivered, "2.1.5", std::move(text));
  effort.outcome.recipients.back().is_consumed = true;
}

void plan_drop(LocalEffort& effort, std::uint16_t index, const tenants::Account& account) {
  const queue::Message& message = *effort.job.message;
  Drop drop{index, account, {}};
  drop.message.id = message.id;
  drop.message.body = message.body;
  drop.message.size = message.size;
  drop.message.received_at = message.queued_at;
  drop.message.return_path = message.sender.text();
  drop.message.delivered_to = message.recipients[index].recipient.address.text();
  effort.drops.push_back(std::move(drop));
}

// A report to the tenant's feedback address: what it says becomes events of the messages that it is about.
Task<void> take_feedback(Workshop& workshop, LocalEffort& effort, std::uint16_t index, TenantId tenant) {
  auto* desk = workshop.parts.feedback;
  if (desk == nullptr) co_return note_consumed(effort, index, "feedback is not read here");
  auto work = [desk, tenant, message = effort.job.message] { return desk->take(*message, tenant); };
  auto taken = co_await desk->pool().run(workshop.parts.shard, std::move(work));
  if (!taken || !*taken) {
    co_return note(effort, index, Fate::kDeferred, "4.3.0", "the feedback cannot be read at the moment");
  }
  for (auto& event : **taken) effort.events.push_back(std::move(event));
  note_consumed(effort, index, "taken as feedback");
}

// Whether the account may get mail now; otherwise its fate is noted.
Task<void> look_up(Workshop& workshop, LocalEffort& effort, std::uint16_t index) {
  const std::optional<AccountId> id = effort.job.message->recipients[index].local;
  if (!id) co_return note(effort, index, Fate::kDeferred, "4.3.5", "the recipient is not a local one any more");
  const TenantId owner{id->ulid()};
  const bool is_feedback = workshop.parts.directory.snapshot()->tenant(owner) != nullptr;
  if (is_feedback) {
    auto taking = take_feedback(workshop, effort, index, owner);
    co_return co_await std::move(taking);
  }
  const auto account = co_await workshop.parts.directory.account_by_id(workshop.parts.shard, *id);
  if (!account) co_return note(effort, index, Fate::kDeferred, "4.3.0", "the directory cannot be asked at the moment");
  if (!*account) co_return note(effort, index, Fate::kFailed, "5.1.1", "the mailbox does not exist any more");
  const auto directory = workshop.parts.directory.snapshot();
  const tenants::Tenant* tenant = directory->tenant((*account)->tenant);
  const bool is_active = (*account)->suspension == tenants::Suspension::kActive && tenant != nullptr &&
                         tenant->suspension == tenants::Suspension::kActive;
  if (!is_active) co_return note(effort, index, Fate::kDeferred, "4.2.1", "the mailbox is suspended");
  plan_drop(effort, index, **account);
}

trace::Event stored_event(const Workshop& workshop, const queue::Message& message, const Drop& drop,
                          const mailbox::Stored& stored) {
  trace::Event event;
  event.at = workshop.parts.clock.now();
  event.kind = trace::EventKind::kStored;
  event.id = message.id;
  event.tenant = drop.account.tenant;
  event.account = drop.account.id;
  event.account_name = drop.account.address.text();
  event.client_ip = message.client_ip;
  event.arrival = message.arrival;
  event.protocol = message.protocol;
  event.sender = drop.message.return_path;
  event.recipients = {drop.message.delivered_to};
  event.message_id = message.message_id;
  event.subject = message.subject;
  event.size = message.size;
  event.folder = stored.folder;
  event.uid = stored.uid;
  return event;
}

// No room that is made in the mailbox will ever do.
bool is_larger_than_quota(const Drop& drop) {
  return drop.account.quota_bytes != 0 && drop.message.size > drop.account.quota_bytes;
}

void note_result(Workshop& workshop, LocalEffort& effort, const Drop& drop, const Result<mailbox::Stored>& result) {
  const queue::Message& message = *effort.job.message;
  const std::uint16_t index = drop.recipient;
  std::string_view outcome = "deferred";
  if (result) {
    outcome = "stored";
    effort.events.push_back(stored_event(workshop, message, drop, *result));
    note(effort, index, Fate::kDelivered, "2.1.5", "stored in " + result->folder);
  } else if (result.error().code == ErrorCode::kExists) {
    outcome = "present";
    note(effort, index, Fate::kDelivered, "2.1.5", "is in the mailbox already");
  } else if (result.error().code == ErrorCode::kLimit && is_larger_than_quota(drop)) {
    outcome = "full";
    note(effort, index, Fate::kFailed, "5.2.2", "the message is larger than the mailbox may ever be");
    effort.outcome.recipients.back().answer.code = 552;
  } else if (result.error().code == ErrorCode::kLimit) {
    outcome = "full";
    note(effort, index, Fate::kDeferred, "4.2.2", "the mailbox is full");
  } else {
    workshop.parts.log.warning("mailbox of {}: {}", drop.account.address.text(), result.error().message);
    note(effort, index, Fate::kDeferred, "4.3.0", "the mailbox cannot be written at the moment");
  }
  const auto directory = workshop.parts.directory.snapshot();
  const tenants::Tenant* tenant = directory->tenant(drop.account.tenant);
  workshop.parts.metrics.mailbox_delivery(tenant != nullptr ? tenant->name : std::string{}, outcome);
}

Dropped deliver_all(mailbox::Mailboxes& mailboxes, const std::vector<Drop>& drops) {
  Dropped dropped;
  for (const Drop& drop : drops) {
    dropped.results.push_back(
        mailboxes.deliver(drop.account.id, drop.message, drop.account.quota_bytes, dropped.batch));
  }
  return dropped;
}

Task<void> serve(Workshop& workshop, LocalEffort& effort) {
  const std::vector<std::uint16_t> recipients = effort.job.recipients;
  for (const std::uint16_t index : recipients) co_await look_up(workshop, effort, index);
  if (effort.drops.empty()) co_return;
  auto work = [&mailboxes = workshop.parts.mailboxes, drops = effort.drops] { return deliver_all(mailboxes, drops); };
  auto dropped = co_await workshop.parts.pool.run(workshop.parts.shard, std::move(work));
  if (!dropped) {
    for (const Drop& drop : effort.drops) {
      note(effort, drop.recipient, Fate::kDeferred, "4.3.2", "the server is too busy to write the mailbox");
    }
    co_return;
  }
  effort.outcome.batch = std::move(dropped->batch);
  for (std::size_t i = 0; i < effort.drops.size(); ++i) {
    note_result(workshop, effort, effort.drops[i], dropped->results[i]);
  }
}

}  // namespace

Task<void> run_local_worker(Workshop& workshop, queue::LaneKey lane) {
  Settlement settlement{workshop};
  while (!workshop.is_stopping) {
    std::optional<queue::Job> job = co_await workshop.parts.queue.take(lane, queue::ShardQueue::Worker::kFree);
    if (!job) break;
    LocalEffort effort;
    effort.job = std::move(*job);
    const bool is_held = hold_if_suspended(*workshop.parts.directory.snapshot(), lane.tenant, effort.outcome);
    if (!is_held) co_await serve(workshop, effort);
    co_await settlement.finish(std::move(effort.job), std::move(effort.outcome), std::move(effort.events));
  }
  workshop.parts.queue.worker_ended(lane);
}

}  // namespace bulkhead::delivery

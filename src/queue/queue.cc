#include "src/queue/queue.h"

#include "src/base/check.h"
#include "src/queue/bridge.h"
#include "src/queue/core.h"
#include "src/queue/directives.h"
#include "src/queue/each_part.h"
#include "src/queue/listing.h"
#include "src/queue/loader.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::milliseconds kDrainLook{10};
constexpr std::string_view kInternal = "internal";  // the protocol of what the server makes itself

// Counts recipients for as long as their message is being accepted.
class Filing {
 public:
  Filing(std::atomic<std::uint64_t>& count, std::uint64_t recipients) : count_(&count), recipients_(recipients) {
    *count_ += recipients_;
  }
  Filing(const Filing&) = delete;
  Filing& operator=(const Filing&) = delete;
  ~Filing() {
    if (count_ != nullptr) *count_ -= recipients_;
  }
  // From here on it is the caller who takes them off.
  std::uint64_t hand_over() {
    count_ = nullptr;
    return recipients_;
  }

 private:
  std::atomic<std::uint64_t>* count_;
  std::uint64_t recipients_;
};

class DurableQueue final : public Queue {
 public:
  explicit DurableQueue(Parts parts) : core_(std::move(parts)) {
    for (std::size_t i = 0; i < core_.parts.runtime.size(); ++i) {
      core_.shards.push_back(std::make_unique<ShardPart>(core_, core_.parts.runtime.shard(i)));
    }
    core_.deliveries_max = core_.parts.deliveries_max;
  }

  void set_carrier(std::size_t shard, Carrier& carrier) override { core_.shards.at(shard)->set_carrier(carrier); }
  ShardQueue& shard_queue(std::size_t shard) override { return *core_.shards.at(shard); }
  bool is_loaded() const override { return core_.is_loaded; }

  Status start() override;
  void change_deliveries_max(std::uint64_t most) override { core_.deliveries_max = most; }
  std::uint64_t deliveries_max() const override { return core_.deliveries_max; }
  Task<Status> admits(net::Shard& shard, TenantId tenant) override;
  Task<Status> accept(net::Shard& shard, NewMessage incoming) override;
  void sources_changed() override;
  void mailbox_changed(const TenantId& tenant, const AccountId& account) override;
  void limits_changed() override;
  void change_retry(RetryPolicy policy) override { core_.set_retry(std::move(policy)); }
  Task<Counts> retry_now(net::Shard& shard, Selector selector) override;
  Task<Counts> count(net::Shard& shard, Selector selector) override;
  Task<Result<DirectiveAnswer>> direct(net::Shard& shard, DirectiveOrder order) override;
  Task<std::vector<DirectiveView>> directives(net::Shard& shard) override;
  Task<std::vector<TopRow>> top(net::Shard& shard, TopBy by, Selector selector, std::size_t limit) override;
  Task<Counts> count_of(net::Shard& shard, TenantId tenant) override;
  Task<std::vector<DeliveryView>> list(net::Shard& shard, Selector selector, std::string after,
                                       std::size_t limit) override;
  Task<void> drain(net::Shard& shard, std::chrono::milliseconds grace) override;

 private:
  void complete(Message& message, const store::BlobWriter& body) const;
  trace::Event queued_event(const Message& message) const;
  Task<std::size_t> active_count(net::Shard& shard);
  Task<Status> has_room(net::Shard& shard, TenantId tenant, std::uint64_t more);

  Core core_;
  Directives directives_{core_};
};

Status DurableQueue::start() {
  if (auto restored = directives_.restore(); !restored) return restored;
  for (const auto& part : core_.shards) {
    part->shard().post([&part = *part] { part.start(); });
  }
  ShardPart& first = *core_.shards.front();
  first.shard().post([this, &first] {
    first.group().spawn(load_queue(core_));
    first.group().spawn(directives_.keep_tidy());
  });
  return {};
}

// What the queue knows better than the server that took the message.
void DurableQueue::complete(Message& message, const store::BlobWriter& body) const {
  if (message.id.is_nil()) message.id = MessageId::make(core_.parts.clock, core_.parts.random);
  if (message.queued_at == UtcTime{}) message.queued_at = core_.parts.clock.now();
  if (message.expires_at == UtcTime{}) message.expires_at = core_.timeline.now() + core_.retry()->expire_after;
  if (message.size == 0) message.size = body.size();
  message.epoch = core_.epoch;
}

trace::Event DurableQueue::queued_event(const Message& message) const {
  auto event = event_of(message, trace::EventKind::kQueued, message.queued_at);
  for (const auto& queued : message.recipients) event.recipients.push_back(queued.recipient.address.text());
  return event;
}

Task<Status> DurableQueue::admits(net::Shard& shard, TenantId tenant) {
  const Filing filing{core_.filing, 1};
  auto asking = has_room(shard, tenant, 1);
  co_return co_await std::move(asking);
}

// For `more` deliveries of the tenant, which `filing` counts already. Below half of what the queue takes nobody can
// have more than is left, so that nothing is asked.
Task<Status> DurableQueue::has_room(net::Shard& shard, TenantId tenant, std::uint64_t more) {
  const std::uint64_t most = core_.deliveries_max;
  std::uint64_t all = core_.filing;
  for (const auto& part : core_.shards) all += part->size();
  if (most == 0 || all <= most / 2) co_return Status{};
  if (all > most) co_return fail(ErrorCode::kFull, "the queue has as many deliveries as it takes");
  auto counting = count_of(shard, tenant);
  const Counts counts = co_await std::move(counting);
  const std::uint64_t of_tenant = counts.ready + counts.active + counts.scheduled + counts.held + more;
  if (of_tenant <= most - all) co_return Status{};
  co_return fail(ErrorCode::kFull, "the tenant has more in the queue than there is room left");
}

Task<Status> DurableQueue::accept(net::Shard& shard, NewMessage incoming) {
  if (core_.is_stopping) co_return fail(ErrorCode::kUnavailable, "the queue is stopping", "try again later");
  if (incoming.message.recipients.empty() || !incoming.body) {
    co_return fail(ErrorCode::kInvalid, "a message needs a recipient and a body");
  }
  if (incoming.message.recipients.size() > UINT16_MAX) {
    co_return fail(ErrorCode::kLimit, "a message has at most 65535 recipients");
  }
  // Each recipient counts, for it may be a delivery of its own. What the server makes itself is taken all the same.
  Filing filing{core_.filing, incoming.message.recipients.size()};
  if (incoming.message.protocol != kInternal) {
    auto asking = has_room(shard, incoming.message.tenant, incoming.message.recipients.size());
    auto admitted = co_await std::move(asking);
    if (!admitted) co_return admitted;
  }
  ShardPart& part = *core_.shards.at(shard.index());
  complete(incoming.message, *incoming.body);
  const std::uint32_t epoch = incoming.message.epoch;
  part.begin_accept(epoch);
  core_.accepted.note(incoming.message.id);
  incoming.events.push_back(queued_event(incoming.message));
  store::Transaction transaction;
  add_message(transaction, incoming.message, std::move(incoming.body));
  for (const auto& event : incoming.events) core_.parts.trace.encode_into(transaction.batch, event);
  CommitOf committing{core_.parts.store, shard, std::move(transaction)};
  auto committed = co_await committing;
  if (!committed) {
    part.end_accept(epoch);
    co_return fail(std::move(committed.error()));
  }
  incoming.message.body = committed->blobs.at(0);
  ++core_.messages;
  for (const auto& event : incoming.events) core_.publish(event);
  // The answer to the client does not wait for the planning: whoever awaits this goes on first.
  auto message = std::make_shared<const Message>(std::move(incoming.message));
  // Nothing is done by its destructor: at the end of the program that may come after the queue's.
  shard.post([this, &part, message = std::move(message), filed = filing.hand_over()] {
    part.planner().plan_fresh(message);
    part.end_accept(message->epoch);
    core_.filing -= filed;
  });
  co_return Status{};
}

void DurableQueue::sources_changed() {
  ++core_.sources_generation;
  for (const auto& part : core_.shards) {
    part->shard().post([&part = *part] { part.sources_changed(); });
  }
}

void DurableQueue::mailbox_changed(const TenantId& tenant, const AccountId& account) {
  for (const auto& part : core_.shards) {
    part->shard().post([&part = *part, tenant, account] { part.mailbox_changed(tenant, account); });
  }
}

void DurableQueue::limits_changed() {
  for (const auto& part : core_.shards) {
    part->shard().post([&part = *part] { part.limits_changed(); });
  }
}

Task<Counts> DurableQueue::retry_now(net::Shard& shard, Selector selector) {
  Listing listing{core_, shard, std::move(selector)};
  auto making = listing.make_due();
  co_return co_await std::move(making);
}

Task<Counts> DurableQueue::count(net::Shard& shard, Selector selector) {
  Listing listing{core_, shard, std::move(selector)};
  auto counting = listing.counts();
  co_return co_await std::move(counting);
}

Task<Result<DirectiveAnswer>> DurableQueue::direct(net::Shard& shard, DirectiveOrder order) {
  auto giving = directives_.give(shard, std::move(order));
  co_return co_await std::move(giving);
}

Task<std::vector<DirectiveView>> DurableQueue::directives(net::Shard& shard) {
  auto listing = directives_.list(shard);
  co_return co_await std::move(listing);
}

Task<std::vector<TopRow>> DurableQueue::top(net::Shard& shard, TopBy by, Selector selector, std::size_t limit) {
  Listing listing{core_, shard, std::move(selector)};
  auto counting = listing.top(by, limit);
  co_return co_await std::move(counting);
}

Task<Counts> DurableQueue::count_of(net::Shard& shard, TenantId tenant) {
  Counts counts;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const StateCounts states = part->scheduler().counts(tenant);
    counts.ready += states.ready;
    counts.active += states.active;
    counts.scheduled += states.scheduled;
    counts.held += states.held;
    counts.messages += part->scheduler().tally(core_.hash.of_tenant(tenant)).messages;
  }
  counts.deliveries = counts.ready + counts.active + counts.scheduled + counts.held;
  OnShard back{shard};
  co_await back;
  co_return counts;
}

Task<std::vector<DeliveryView>> DurableQueue::list(net::Shard& shard, Selector selector, std::string after,
                                                   std::size_t limit) {
  Listing listing{core_, shard, std::move(selector)};
  auto viewing = listing.views(parse_delivery_text(after), limit);
  co_return co_await std::move(viewing);
}

Task<std::size_t> DurableQueue::active_count(net::Shard& shard) {
  std::size_t active = 0;
  auto round = on_each_part(core_, shard, [&](ShardPart& part) { active += part.scheduler().counts().active; });
  co_await std::move(round);
  co_return active;
}

Task<void> DurableQueue::drain(net::Shard& shard, std::chrono::milliseconds grace) {
  core_.is_stopping = true;
  auto stopping = on_each_part(core_, shard, [](ShardPart& part) { part.stop(); });
  co_await std::move(stopping);
  const SteadyTime until = core_.parts.clock.steady() + grace;
  for (;;) {
    auto counting = active_count(shard);
    const std::size_t active = co_await std::move(counting);
    if (active == 0 || core_.parts.clock.steady() >= until) break;
    auto sleeping = shard.sleep(kDrainLook, core_.shards.at(shard.index())->group());
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  auto cancelling = on_each_part(core_, shard, [](ShardPart& part) { part.group().cancel(); });
  co_await std::move(cancelling);
  // Only then joined: a child of one shard may wait for another's.
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    auto joining = part->group().join();
    co_await std::move(joining);
  }
  OnShard back{shard};
  co_await back;
}

}  // namespace

std::unique_ptr<Queue> Queue::make(Parts parts) {
  return std::make_unique<DurableQueue>(std::move(parts));
}

}  // namespace bulkhead::queue

// The queue: durable, sharded, in charge of what may go next. Opens no socket; delivery asks it for work.
//
// Each lane has a home shard; `ShardQueue` is that shard's part and is touched only there. `Queue` is the whole.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/task.h"
#include "src/net/shard.h"
#include "src/queue/directive.h"
#include "src/queue/gate.h"
#include "src/queue/job.h"
#include "src/store/store.h"
#include "src/trace/trace.h"

namespace bulkhead::queue {

// A message on its way in; the queue makes it durable and owns it from then on.
struct NewMessage {
  Message message;  // body reference still empty
  std::unique_ptr<store::BlobWriter> body;
  std::vector<trace::Event> events;  // ride in the same commit ("received")
};

// Implemented by delivery; called on a lane's home shard.
// One line of what became of a delivery. Lives as long as the call that tells it.
struct Progress {
  const LaneKey& lane;
  const Message& message;
  const trace::Event& event;                          // delivered, deferred, bounced, expired, held or released
  std::optional<std::chrono::duration<double>> took;  // of the attempt, with its first line only
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  // Which site serves a domain for a tenant (route, known provider, MX set). Never fails for good: with DNS away it
  // answers the domain itself. The result may be cached by the carrier.
  virtual Task<std::string> site_of(net::Shard& shard, TenantId tenant, std::string domain) = 0;
  // The same where it is known without asking anybody. From memory, on the shard.
  virtual std::optional<std::string> known_site_of(const TenantId&, const std::string& /*domain*/) const { return {}; }
  // Open one more connection (or local worker) for the lane. It takes jobs with ShardQueue::take until there are none.
  virtual void start_worker(LaneKey lane) = 0;
  // Whether fixed routes lead the domain to another site than the lane's now. Answered from memory, on the shard; false
  // where only the DNS could tell. What it says must agree with site_of, or deliveries go round.
  virtual bool leads_elsewhere(const LaneKey&, const std::string& /*domain*/) const { return false; }
  // Whether the lane was made for a fixed route that exists no more.
  virtual bool is_abandoned(const LaneKey&) const { return false; }
};

class ShardQueue {
 public:
  virtual ~ShardQueue() = default;
  // What a worker that asks for a job has: nothing, so that it ends when it gets none; or one that is under way.
  enum class Worker : std::uint8_t { kFree, kBusy };
  // The next job that is due in this lane, marked active; nothing when there is none now. Loads the record if it is
  // not in memory. On the shard.
  virtual Task<std::optional<Job>> take(LaneKey lane, Worker worker) = 0;
  // The end of an attempt: commits the outcome (state, trace, DSN, mailbox rows, blob release) and plans the next.
  // Ends when the commit is durable, and answers whether it is: a failed one leaves the delivery as it was. On the
  // shard.
  virtual Task<bool> finish(Job job, Outcome outcome) = 0;
  // A worker that start_worker asked for has ended. On the shard.
  virtual void worker_ended(const LaneKey& lane) = 0;
};

// What a list shows of a delivery; see interface.md.
struct DeliveryView {
  MessagePtr message;
  DeliveryKey key;
  std::vector<std::string> recipients;
  std::string site;
  std::optional<IpAddress> source;  // that it would leave from now
  std::uint32_t attempts = 0;
  std::optional<UtcTime> next_attempt;
  std::string state;                // ready active scheduled held
  std::string reason_code, reason;  // why it waits
  UtcTime reason_since;
  std::optional<UtcTime> until;  // when that ends by itself, where it does
  std::string remedy;            // what would change it, as a sentence
};

struct Counts {
  std::uint64_t messages = 0, deliveries = 0, ready = 0, active = 0, scheduled = 0, held = 0;
};

// The answer to an order.
struct DirectiveAnswer {
  DirectiveId id;  // nil for a dry run, and where nothing is left to do
  // What was in the queue and is meant. Mail that is being accepted at that moment is meant too, and not counted.
  std::uint64_t deliveries = 0, messages = 0, accounts = 0;
  std::uint64_t active = 0;  // of these, handed out now: their attempts end first
  bool is_exact = true;      // false: messages with several deliveries may be counted twice
  bool is_complete = true;   // false: the queue is still being looked through; directives() tells how far
  // Of the end of a purge or bounce at work: it means nothing that follows any more, but what it has taken out of the
  // queue (`deliveries` are left) stays out, and it ends by itself when they are gone.
  bool goes_on = false;
  // Nothing in the queue is meant, and nothing that follows: the order is not kept.
  bool is_void = false;
  std::vector<std::string> overridden;  // orders that end by this one, as text
  std::vector<DeliveryView> samples;    // of a dry run
};

enum class TopBy : std::uint8_t { kAccount, kTenant, kSender, kClientIp, kSite, kSource };

struct TopRow {
  std::string key;                 // account or sender address, tenant's id, address, site; "" for none
  std::optional<TenantId> tenant;  // of one of its deliveries
  Counts counts;
};

struct RetryPolicy {
  std::vector<std::chrono::seconds> intervals{std::chrono::minutes{5},  std::chrono::minutes{10},
                                              std::chrono::minutes{20}, std::chrono::minutes{40},
                                              std::chrono::hours{1},    std::chrono::hours{2}};  // the last repeats
  double jitter = 0.2;  // ± share of the interval
  std::chrono::seconds expire_after = std::chrono::hours{24 * 5};
  std::chrono::seconds warn_after = std::chrono::hours{4};  // delay warning, once
};

// A delivery of paced mail that an order has ended before the limits let it go.
struct Unpaced {
  MessagePtr message;
  std::uint32_t recipients = 0;
  bool counts_message = false;  // of one of the message's deliveries
};

class Queue {
 public:
  struct Parts {  // what it is made of; all outlive it
    net::Runtime& runtime;
    net::BlockingPool& pool;
    store::Store& store;
    trace::Trace& trace;
    const Clock& clock;
    Random& random;
    Log& log;
    std::string node_name;
    RetryPolicy retry;
    // For DeliveryView::source and held states; asked on any thread.
    std::function<std::optional<IpAddress>(const LaneKey&)> source_preview;
    // Where a report to a sender of this tenant goes: local accounts, or the address itself when it is remote.
    // Empty: the domain is ours and the address unknown; the report is dropped and the trace says so. Resumes on the
    // shard. Not set, or an error: the sender's domain is treated as remote.
    std::function<Task<Result<std::vector<QueuedRecipient>>>(net::Shard&, TenantId, mail::Address)> resolve_sender;
    // Sees each event that the queue writes, after its commit; counts for metrics. Any shard, must be quick.
    std::function<void(const trace::Event&)> on_event;
    // Sees what became of deliveries, with their lanes: after the commit, any shard, must be quick.
    std::function<void(const Progress&)> on_progress = {};
    // Why an account's mail must wait, as a sentence; nothing when it may go. Asked for each delivery of an account
    // before it is handed out: answer from a cache. Resumes on the shard.
    std::function<Task<std::optional<std::string>>(net::Shard&, AccountId)> account_suspension = {};
    // Whether a tenant is suspended: its held lanes are tried again only when it is not. Any thread, from memory.
    std::function<bool(const TenantId&)> is_tenant_suspended = {};
    // The account of an address, former addresses included, for selectors that name one. Resumes on the shard.
    std::function<Task<std::optional<AccountId>>(net::Shard&, std::string)> account_of = {};
    // The sources that the lane may use now, one of each family where there is one: a lane that is held for want of one
    // goes on when this answer changes. Asked on any thread, from memory. Not set: it goes on at every change.
    std::function<std::vector<IpAddress>(const LaneKey&)> sources_of = {};
    // When paced mail may go by the limits of now; nothing: at once. Resumes on the shard. Not set: when its acceptance
    // said.
    std::function<Task<std::optional<UtcTime>>(net::Shard&, MessagePtr)> pace_of = {};
    // Paced mail has left the queue by an order before its time: what it reserved of the limits is given back. Resumes
    // on the shard. Not set: it stays used.
    std::function<Task<void>(net::Shard&, std::vector<Unpaced>)> give_back_pace = {};
    // Limits; nullptr: none. Outlives the queue's workers.
    Gate* gate = nullptr;
    // See change_deliveries_max.
    std::uint64_t deliveries_max = 0;
  };
  static std::unique_ptr<Queue> make(Parts parts);
  virtual ~Queue() = default;

  // One per shard; set before start. Then `start` loads the stored queue in the background while mail is taken.
  virtual void set_carrier(std::size_t shard, Carrier& carrier) = 0;
  virtual Status start() = 0;
  // Another schedule from now on: for the next attempt of what waits, and for the expiry of what is accepted. Any
  // thread.
  virtual void change_retry(RetryPolicy) {}
  virtual ShardQueue& shard_queue(std::size_t shard) = 0;

  // How many deliveries of all tenants the queue takes: each is known in memory (some 110 bytes), wherever its message
  // is, so that orders and counts need not look for it. 0: any number. What the server makes itself is taken beyond it.
  // Any thread.
  virtual void change_deliveries_max(std::uint64_t) {}
  virtual std::uint64_t deliveries_max() const { return 0; }
  // Whether there is room for one more message of the tenant. kFull: the queue has as many deliveries as it takes, or
  // the tenant has more of them than are left for everybody, so that no tenant fills more than half. From memory.
  // Resumes on `shard`.
  virtual Task<Status> admits(net::Shard&, TenantId) { co_return Status{}; }
  // Makes the message durable and plans its deliveries. Resumes on `shard` after the commit; on an error nothing of
  // the message exists. Any shard.
  virtual Task<Status> accept(net::Shard& shard, NewMessage message) = 0;

  // The host's addresses or the directory changed: what waits for a source is looked at again at once. Any thread.
  virtual void sources_changed() = 0;
  // The mailbox of that tenant's account may have room again, or take mail again: what waits for it is tried at once,
  // in the background. Any thread.
  virtual void mailbox_changed(const TenantId&, const AccountId&) {}
  // Limits, plans or what is done over a limit have changed: what waits for a limit is asked about again. Any thread.
  virtual void limits_changed() {}
  // The counts of one tenant, from counters: no message is looked at. Resumes on `shard`.
  virtual Task<Counts> count_of(net::Shard& shard, TenantId tenant) = 0;
  // Whether the stored queue has been read; until then counts and lists are incomplete. Any thread.
  virtual bool is_loaded() const = 0;
  // "retry": what is scheduled and matches becomes due now. Resumes on `shard`.
  virtual Task<Counts> retry_now(net::Shard& shard, Selector selector) = 0;

  // Holds, releases, purges or bounces what the selector means: in force and durable when this answers, in constant
  // time however long the queue is. kInvalid: the order makes no sense; kLimit: too many are in force. What is being
  // delivered is not interrupted; if it fails for now, the directive applies to it then. Resumes on `shard`.
  virtual Task<Result<DirectiveAnswer>> direct(net::Shard& shard, DirectiveOrder order) = 0;
  // Those in force, oldest first, with what they have done so far. One that has nothing more to do ends by itself.
  virtual Task<std::vector<DirectiveView>> directives(net::Shard& shard) = 0;
  // The `limit` values with the most deliveries among those that the selector means. Resumes on `shard`.
  virtual Task<std::vector<TopRow>> top(net::Shard& shard, TopBy by, Selector selector, std::size_t limit) = 0;

  virtual Task<Counts> count(net::Shard& shard, Selector selector) = 0;
  // Those after `after` (a DeliveryKey's text, "" for the start), in order of age, at most `limit`.
  virtual Task<std::vector<DeliveryView>> list(net::Shard& shard, Selector selector, std::string after,
                                               std::size_t limit) = 0;

  // No new workers; active ones may finish for `grace`. Then what is unfinished stays queued for the next start.
  virtual Task<void> drain(net::Shard& shard, std::chrono::milliseconds grace) = 0;
};

}  // namespace bulkhead::queue

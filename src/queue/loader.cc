#include "src/queue/loader.h"

#include <string>
#include <vector>

#include "src/queue/bridge.h"
#include "src/queue/message_plan.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kPageMessages = 1000;

struct StoredMessage {
  Message message;
  std::vector<StoredDelivery> deliveries;
};

struct Page {
  std::vector<std::vector<MessagePlan>> plans;  // by owner shard
  std::size_t count = 0;                        // of messages
  std::vector<std::string> faults;
  std::string next;  // first key of the next page
  bool is_last = true;
};

std::string printable_key(std::string_view key) {
  return key.size() >= 17 ? MessageId::from_bytes(key.substr(1)).text() : escape_controls(key);
}

Status read_messages(const store::Kv& kv, Page& page, std::vector<StoredMessage>& messages) {
  std::size_t count = 0;
  const std::string first = page.next;
  return kv.scan(store::Family::kQueue, first, "n", store::Kv::Direction::kForward,
                 [&](std::string_view key, std::string_view value) {
                   if (count++ == kPageMessages) {
                     page.next = key;
                     page.is_last = false;
                     return false;
                   }
                   auto message = Message::decode(value);
                   if (message) {
                     messages.push_back({std::move(*message), {}});
                   } else {
                     page.faults.push_back(printable_key(key) + ": " + message.error().message);
                   }
                   return true;
                 });
}

// Joins the deliveries' records to the page's messages; both are in order of the id.
Status read_deliveries(const store::Kv& kv, Page& page, std::vector<StoredMessage>& messages) {
  if (messages.empty()) return {};
  const std::string first = delivery_key({messages.front().message.id, 0});
  auto at = messages.begin();
  return kv.scan(store::Family::kQueue, first, past_message('d', messages.back().message.id),
                 store::Kv::Direction::kForward, [&](std::string_view key, std::string_view value) {
                   const auto delivery = parse_delivery_key(key);
                   auto record = DeliveryRecord::decode(value);
                   if (!delivery || !record) {
                     // Its message is planned as if it had not been tried yet.
                     page.faults.push_back(printable_key(key) + ": its delivery's record does not decode");
                     return true;
                   }
                   while (at != messages.end() && at->message.id < delivery->message) ++at;
                   if (at != messages.end() && at->message.id == delivery->message) {
                     at->deliveries.push_back({delivery->index, std::move(*record)});
                   }
                   return true;
                 });
}

// On the pool.
Result<Page> read_page(Core& core, std::string from) {
  const store::Kv& kv = core.parts.store.kv();
  Page page;
  page.next = std::move(from);
  std::vector<StoredMessage> messages;
  messages.reserve(kPageMessages);
  if (auto read = read_messages(kv, page, messages); !read) return fail(std::move(read.error()));
  if (auto read = read_deliveries(kv, page, messages); !read) return fail(std::move(read.error()));
  page.count = messages.size();
  page.plans.resize(core.shards.size());
  for (const auto& stored : messages) {
    auto& plans = page.plans[core.owner_of(stored.message.id).index()];
    plans.push_back(plan_of(core, stored.message, stored.deliveries));
  }
  return page;
}

// The next page, read on the pool while the shards plan the one before it. On its shard; to be awaited before it dies.
class PageAhead {
 public:
  PageAhead(Core& core, net::Shard& shard) : core_(core), shard_(shard) {}

  void begin(std::string from) {
    const bool is_queued = core_.parts.pool.submit([this, from = std::move(from)] {
      shard_.post([this, page = read_page(core_, from)]() mutable { end(std::move(page)); });
    });
    if (!is_queued) end(fail(ErrorCode::kUnavailable, "too much waits for the blocking pool"));
  }
  bool await_ready() const { return page_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) { waiting_ = waiting; }
  Result<Page> await_resume() {
    Result<Page> page = std::move(*page_);
    page_.reset();
    return page;
  }

 private:
  void end(Result<Page> page) {
    page_.emplace(std::move(page));
    if (auto waiting = std::exchange(waiting_, nullptr)) waiting.resume();
  }

  Core& core_;
  net::Shard& shard_;
  std::optional<Result<Page>> page_;
  std::coroutine_handle<> waiting_;
};

}  // namespace

Task<void> load_queue(Core& core) {
  net::Shard& first = core.shards.front()->shard();
  PageAhead ahead{core, first};
  std::string from{"m"};
  std::size_t count = 0;
  ahead.begin(from);
  for (bool is_last = false; !is_last;) {
    auto page = co_await ahead;
    if (core.is_stopping) co_return;
    if (!page) {
      core.parts.log.error("the stored queue cannot be read: {}; it is tried again", page.error().message);
      auto sleeping = first.sleep(std::chrono::seconds{1}, core.shards.front()->group());
      const bool goes_on = co_await std::move(sleeping);
      if (!goes_on) co_return;
      ahead.begin(from);
      continue;
    }
    from = page->next;
    is_last = page->is_last;
    if (!is_last) ahead.begin(from);
    for (const auto& fault : page->faults) core.parts.log.error("a queued message is damaged: {}", fault);
    // Each shard plans its share before the next page is taken, so that memory holds two pages at most.
    for (const auto& part : core.shards) {
      OnShard there{part->shard()};
      co_await there;
      part->planner().plan_stored(std::move(page->plans[part->index()]));
    }
    OnShard back{first};
    co_await back;
    count += page->count;
  }
  core.accepted.end();
  core.is_loaded = true;
  if (count > 0) core.parts.log.info("the stored queue is loaded: {} messages", count);
}

}  // namespace bulkhead::queue

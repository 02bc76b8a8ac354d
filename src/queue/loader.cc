#include "src/queue/loader.h"

#include <string>
#include <vector>

#include "src/queue/bridge.h"
#include "src/queue/planner.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kPageMessages = 500;

struct StoredMessage {
  MessagePtr message;
  std::vector<StoredDelivery> deliveries;
};

struct Page {
  std::vector<StoredMessage> messages;
  std::vector<std::string> faults;
  std::string next;  // first key of the next page
  bool is_last = true;
};

std::string printable_key(std::string_view key) {
  return key.size() >= 17 ? MessageId::from_bytes(key.substr(1)).text() : escape_controls(key);
}

Status read_messages(const store::Kv& kv, Page& page) {
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
                     page.messages.push_back({std::make_shared<const Message>(std::move(*message)), {}});
                   } else {
                     page.faults.push_back(printable_key(key) + ": " + message.error().message);
                   }
                   return true;
                 });
}

// Joins the deliveries' records to the page's messages; both are in order of the id.
Status read_deliveries(const store::Kv& kv, Page& page) {
  if (page.messages.empty()) return {};
  const std::string first = delivery_key({page.messages.front().message->id, 0});
  auto at = page.messages.begin();
  return kv.scan(store::Family::kQueue, first, past_message('d', page.messages.back().message->id),
                 store::Kv::Direction::kForward, [&](std::string_view key, std::string_view value) {
                   const auto delivery = parse_delivery_key(key);
                   auto record = DeliveryRecord::decode(value);
                   if (!delivery || !record) {
                     // Its message is planned as if it had not been tried yet.
                     page.faults.push_back(printable_key(key) + ": its delivery's record does not decode");
                     return true;
                   }
                   while (at != page.messages.end() && at->message->id < delivery->message) ++at;
                   if (at != page.messages.end() && at->message->id == delivery->message) {
                     at->deliveries.push_back({delivery->index, std::move(*record)});
                   }
                   return true;
                 });
}

Result<Page> read_page(const store::Kv& kv, std::string from) {
  Page page;
  page.next = std::move(from);
  if (auto read = read_messages(kv, page); !read) return fail(std::move(read.error()));
  if (auto read = read_deliveries(kv, page); !read) return fail(std::move(read.error()));
  return page;
}

void plan(Core& core, ShardPart& owner, const StoredMessage& stored) {
  if (core.accepted.contains(stored.message->id)) return;
  ++core.messages;
  owner.planner().plan_stored(stored.message, stored.deliveries);
}

}  // namespace

Task<void> load_queue(Core& core) {
  net::Shard& first = core.shards.front()->shard();
  const store::Kv& kv = core.parts.store.kv();
  std::string next{"m"};
  std::size_t count = 0;
  for (bool is_last = false; !is_last && !core.is_stopping;) {
    OnPool<Page> reading{core.parts.pool, first, [&kv, next] { return read_page(kv, next); }};
    auto page = co_await reading;
    if (!page) {
      core.parts.log.error("the stored queue cannot be read: {}; it is tried again", page.error().message);
      auto sleeping = first.sleep(std::chrono::seconds{1}, core.shards.front()->group());
      const bool goes_on = co_await std::move(sleeping);
      if (!goes_on) co_return;
      continue;
    }
    for (const auto& fault : page->faults) core.parts.log.error("a queued message is damaged: {}", fault);
    // Each shard plans its share before the next page is read, so that memory holds one page at most.
    for (const auto& part : core.shards) {
      OnShard there{part->shard()};
      co_await there;
      for (const auto& stored : page->messages) {
        if (&core.owner_of(stored.message->id) == part.get()) plan(core, *part, stored);
      }
    }
    OnShard back{first};
    co_await back;
    count += page->messages.size();
    next = page->next;
    is_last = page->is_last;
  }
  if (core.is_stopping) co_return;
  core.accepted.end();
  core.is_loaded = true;
  if (count > 0) core.parts.log.info("the stored queue is loaded: {} messages", count);
}

}  // namespace bulkhead::queue

#include "src/queue/loader.h"

#include <string>
#include <vector>

#include "src/queue/bridge.h"
#include "src/queue/message_plan.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

// What is read in one go, and what memory holds of it twice at most: one page read, one planned.
constexpr std::size_t kPageMessages = 1000;
constexpr std::size_t kPageBytes = 4194304;

// Rows as they are stored, one after the other. Whoever plans a message decodes it, on its own thread, so that nothing
// is allocated on one thread and freed on another.
class Rows {
 public:
  struct Row {
    MessageId id;
    std::uint16_t index = 0;  // of a delivery
    std::size_t offset = 0, length = 0;
  };

  void add(const MessageId& id, std::uint16_t index, std::string_view value) {
    rows_.push_back({id, index, bytes_.size(), value.size()});
    bytes_.append(value);
  }
  std::string_view value(const Row& row) const { return std::string_view{bytes_}.substr(row.offset, row.length); }
  const std::vector<Row>& rows() const { return rows_; }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_;
  std::vector<Row> rows_;
};

struct Page {
  Rows messages, deliveries;  // in order of the id, and of the index within it
  std::vector<std::string> faults;
  std::string next;  // first key of the next page
  bool is_last = true;
};

Status read_messages(const store::Kv& kv, Page& page) {
  const std::string first = page.next;
  return kv.scan(store::Family::kQueue, first, "n", store::Kv::Direction::kForward,
                 [&](std::string_view key, std::string_view value) {
                   if (page.messages.rows().size() == kPageMessages || page.messages.bytes() >= kPageBytes) {
                     page.next = key;
                     page.is_last = false;
                     return false;
                   }
                   if (const auto id = parse_message_key(key)) {
                     page.messages.add(*id, 0, value);
                   } else {
                     page.faults.push_back(escape_controls(key) + ": this key is no message's");
                   }
                   return true;
                 });
}

Status read_deliveries(const store::Kv& kv, Page& page) {
  const auto& messages = page.messages.rows();
  if (messages.empty()) return {};
  return kv.scan(store::Family::kQueue, delivery_key({messages.front().id, 0}), past_message('d', messages.back().id),
                 store::Kv::Direction::kForward, [&](std::string_view key, std::string_view value) {
                   if (const auto delivery = parse_delivery_key(key)) {
                     page.deliveries.add(delivery->message, delivery->index, value);
                   } else {
                     page.faults.push_back(escape_controls(key) + ": this key is no delivery's");
                   }
                   return true;
                 });
}

// On the pool.
Result<Page> read_page(const store::Kv& kv, std::string from) {
  Page page;
  page.next = std::move(from);
  if (auto read = read_messages(kv, page); !read) return fail(std::move(read.error()));
  if (auto read = read_deliveries(kv, page); !read) return fail(std::move(read.error()));
  return page;
}

// The deliveries' records of one message; `at` goes forward through the page's.
std::vector<StoredDelivery> take_deliveries(const Core& core, const Rows& rows, const MessageId& id, std::size_t& at) {
  std::vector<StoredDelivery> stored;
  const auto& all = rows.rows();
  while (at < all.size() && all[at].id < id) ++at;
  for (; at < all.size() && all[at].id == id; ++at) {
    auto record = DeliveryRecord::decode(rows.value(all[at]));
    if (record) {
      stored.push_back({all[at].index, std::move(*record)});
    } else {
      // It is planned as if it had not been tried yet.
      core.parts.log.error("a queued message is damaged: {}: the record of its delivery {}: {}", id.text(),
                           all[at].index, record.error().message);
    }
  }
  return stored;
}

// The page's messages that `part` owns. On its shard.
std::vector<MessagePlan> plans_of(Core& core, const Page& page, const ShardPart& part) {
  std::vector<MessagePlan> plans;
  std::size_t at = 0;
  for (const auto& row : page.messages.rows()) {
    if (core.owner_of(row.id).index() != part.index()) continue;
    const auto message = Message::decode(page.messages.value(row));
    if (message) {
      plans.push_back(plan_of(core, *message, take_deliveries(core, page.deliveries, row.id, at)));
    } else {
      core.parts.log.error("a queued message is damaged: {}: {}", row.id.text(), message.error().message);
    }
  }
  return plans;
}

// Each shard plans its own messages of a page; continues on `shard` when all have.
class PlannedByAll {
 public:
  PlannedByAll(Core& core, net::Shard& shard, const Page& page)
      : core_(core), shard_(shard), page_(page), remaining_(core.shards.size()) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    for (const auto& part : core_.shards) {
      part->shard().post([this, waiting, &part = *part] {
        part.planner().plan_stored(plans_of(core_, page_, part));
        shard_.post([this, waiting] {
          if (--remaining_ == 0) waiting.resume();
        });
      });
    }
  }
  void await_resume() const {}

 private:
  Core& core_;
  net::Shard& shard_;
  const Page& page_;
  std::size_t remaining_;  // touched on shard_ only
};

// The next page, read on the pool while the shards plan the one before it. On its shard; to be awaited before it dies.
class PageAhead {
 public:
  PageAhead(Core& core, net::Shard& shard) : core_(core), shard_(shard) {}

  void begin(std::string from) {
    const bool is_queued = core_.parts.pool.submit([this, from = std::move(from)] {
      shard_.post([this, page = read_page(core_.parts.store.kv(), from)]() mutable { end(std::move(page)); });
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
    PlannedByAll planning{core, first, *page};
    co_await planning;
    count += page->messages.rows().size();
  }
  core.accepted.end();
  core.is_loaded = true;
  if (count > 0) core.parts.log.info("the stored queue is loaded: {} messages", count);
}

}  // namespace bulkhead::queue

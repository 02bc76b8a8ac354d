#include "src/queue/listing.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "src/queue/bridge.h"
#include "src/queue/each_part.h"
#include "src/queue/explanation.h"
#include "src/queue/grouping.h"
#include "src/queue/records.h"
#include "src/queue/settlement.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kPageMax = 5000;     // rows in memory at once
constexpr std::size_t kSlice = 8192;       // entries that a shard looks at before others get a turn
constexpr std::size_t kOrderPage = 2000;   // messages that are read at once when the store's order is followed
constexpr std::size_t kCounted = 1000000;  // ids kept to count messages with several deliveries once

std::string remedy_of(std::string_view code) {
  if (code == "no-source") return "an address of the tenant in the remote's family that is present on this host";
  if (code == "address-withheld") return "the address being let go, or another one for the tenant";
  if (code == "tenant-suspended") return "resuming the tenant";
  if (code == "account-suspended") return "resuming the account";
  return {};
}

ListingRow row_of(const DeliveryStatus& status) {
  ListingRow row;
  row.key = status.key;
  row.lane = status.lane->key;
  row.state = state_word(status);
  row.is_routing = status.lane->is_routing;
  row.is_sole = status.entry->is_sole;
  row.attempts = status.attempts;
  row.due = status.due;
  row.has_record = status.has_record;
  row.directive = status.directive;
  if (status.block != nullptr) {
    row.hold_code = status.block->code;
    row.hold_reason = status.block->reason;
    row.held_since = status.block->since;
    row.until = status.block->until;
    row.remedy = status.block->remedy.empty() ? remedy_of(row.hold_code) : status.block->remedy;
  }
  return row;
}

bool is_older(const ListingRow& a, const ListingRow& b) {
  return a.key < b.key;
}

// Keeps the oldest `limit` rows of those offered: a heap with the youngest on top.
class Oldest {
 public:
  explicit Oldest(std::size_t limit) : limit_(limit) {}
  bool has_room_for(const DeliveryKey& key) const { return rows_.size() < limit_ || key < rows_.front().key; }
  void add(ListingRow row) {
    rows_.push_back(std::move(row));
    std::push_heap(rows_.begin(), rows_.end(), is_older);
    if (rows_.size() <= limit_) return;
    std::pop_heap(rows_.begin(), rows_.end(), is_older);
    rows_.pop_back();
  }
  std::vector<ListingRow> sorted() && {
    std::sort_heap(rows_.begin(), rows_.end(), is_older);
    return std::move(rows_);
  }

 private:
  const std::size_t limit_;
  std::vector<ListingRow> rows_;
};

std::optional<DeliveryView> view_of(const store::Kv& kv, const ListingRow& row, const Selector& selector, UtcTime now,
                                    const DirectiveSet* directives) {
  auto bytes = kv.get(store::Family::kQueue, message_key(row.key.message));
  if (!bytes || !*bytes) return std::nullopt;  // it ended since its row was gathered
  auto message = Message::decode(**bytes);
  if (!message || row.key.index >= message->recipients.size()) return std::nullopt;
  DeliveryRecord record = fresh_record(*message, row.key.index);
  if (row.has_record) {
    auto stored = kv.get(store::Family::kQueue, delivery_key(row.key));
    auto decoded = stored && *stored ? DeliveryRecord::decode(**stored) : fail(ErrorCode::kNotFound, "no record");
    if (decoded) record = std::move(*decoded);
  }
  const auto pending = record.pending();
  if (!matches_message(selector, *message, pending, now)) return std::nullopt;
  DeliveryView view;
  view.key = row.key;
  for (const auto index : pending) view.recipients.push_back(message->recipients[index].recipient.address.text());
  view.message = std::make_shared<const Message>(std::move(*message));
  view.site = row.is_routing ? std::string{} : row.lane.site;
  view.attempts = row.attempts;
  view.state = row.state;
  explain(view, row, record, directives);
  return view;
}

void add_state(Counts& counts, std::string_view state) {
  ++counts.deliveries;
  if (state == "ready") ++counts.ready;
  if (state == "active") ++counts.active;
  if (state == "scheduled") ++counts.scheduled;
  if (state == "held") ++counts.held;
}

// Whether the entries narrow the search, so that a look over the tables is cheaper than reading in order.
bool is_narrow(const Selector& s) {
  return s.tenant || s.account_id || !s.sender.empty() || s.client_ip || !s.recipient_domain.empty() ||
         !s.site.empty() || s.source || !s.state.empty();
}

struct OrderPage {
  std::vector<DeliveryKey> keys;
  std::optional<MessageId> last;  // the last message that was looked at
  bool is_end = true;
};

// Follows the store's own order, which is that of age, until there are more than `limit`. On the pool.
Result<OrderPage> read_order(const store::Kv& kv, const Selector& selector, std::optional<DeliveryKey> after,
                             std::size_t limit, UtcTime now) {
  OrderPage page;
  std::size_t count = 0;
  std::string first = after ? message_key(after->message) : std::string{"m"};
  std::string past{"n"};
  if (selector.id) {
    first = std::max(first, message_key(*selector.id));
    past = past_message('m', *selector.id);
  }
  auto read = kv.scan(store::Family::kQueue, first, past, store::Kv::Direction::kForward,
                      [&](std::string_view, std::string_view value) {
                        if (count++ == kOrderPage) {
                          page.is_end = false;
                          return false;
                        }
                        auto message = Message::decode(value);
                        if (!message) return true;
                        page.last = message->id;
                        for (const auto& group : group_recipients(*message)) {
                          const DeliveryKey key{message->id, group.index};
                          if (after && !(*after < key)) continue;
                          if (matches_message(selector, *message, group.recipients, now)) page.keys.push_back(key);
                        }
                        return page.keys.size() <= limit;
                      });
  if (!read) return fail(read.error());
  return page;
}

}  // namespace

std::optional<DeliveryKey> parse_delivery_text(std::string_view text) {
  const auto slash = text.find('/');
  const auto id = MessageId::parse(text.substr(0, slash));
  if (!id || slash == std::string_view::npos) return std::nullopt;
  DeliveryKey key{*id, 0};
  const auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), key.index);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return key;
}

EntryFilter::EntryFilter(const Core& core, const Scheduler& scheduler, const Selector& selector)
    : parts_(core.parts), selector_(selector) {
  const auto want = [&](bool is_given, std::uint64_t key, AttributeRef& ref) {
    if (!is_given) return;
    ref = scheduler.attributes().find(key);
    if (ref == kNoAttribute) is_hopeless_ = true;
  };
  const AttributeHash& hash = core.hash;
  const Selector& s = selector;
  want(s.account_id.has_value(), s.account_id ? hash.of_account(*s.account_id) : 0, account_);
  want(!s.sender.empty(), hash(AttributeKind::kSender, s.sender == "<>" ? "" : s.sender), sender_);
  want(s.client_ip.has_value(), s.client_ip ? hash.of_client(*s.client_ip) : 0, client_ip_);
  want(!s.recipient_domain.empty(), hash(AttributeKind::kDomain, s.recipient_domain), domain_);
  if (!has_state(scheduler)) is_hopeless_ = true;
}

// False when nothing of this shard, or of the tenant in it, is in the state that is asked for.
bool EntryFilter::has_state(const Scheduler& scheduler) const {
  const StateCounts counts = selector_.tenant ? scheduler.counts(*selector_.tenant) : scheduler.counts();
  if (selector_.state == "ready") return counts.ready > 0;
  if (selector_.state == "active") return counts.active > 0;
  if (selector_.state == "scheduled") return counts.scheduled > 0;
  if (selector_.state == "held") return counts.held > 0;
  if (selector_.state == kHeldByOrder) return scheduler.parked() > 0;
  return counts.total() > 0;
}

bool EntryFilter::matches(const DeliveryStatus& status) const {
  if (is_hopeless_ || !may_match(*status.entry)) return false;
  const LaneKey& lane = status.lane->key;
  if (selector_.tenant && *selector_.tenant != lane.tenant) return false;
  if (selector_.id && *selector_.id != status.key.message) return false;
  if (!selector_.site.empty() && !is_equal_text(selector_.site, lane.site)) return false;
  if (selector_.state == kHeldByOrder) {
    if (status.directive == 0) return false;
  } else if (!selector_.state.empty() && selector_.state != state_word(status)) {
    return false;
  }
  return !selector_.source || (parts_.source_preview && parts_.source_preview(lane) == selector_.source);
}

// Names become ids where the directory knows them.
Task<void> Listing::find_account() {
  if (selector_.account.empty() || selector_.account_id || !core_.parts.account_of) co_return;
  auto asking = core_.parts.account_of(shard_, selector_.account);
  selector_.account_id = co_await std::move(asking);
}

// The oldest rows of all shards that their entries do not rule out. Resumes on the caller's shard.
Task<std::vector<ListingRow>> Listing::gather(std::optional<DeliveryKey> after, std::size_t limit) {
  Oldest oldest{limit};
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const Scheduler& scheduler = part->scheduler();
    const EntryFilter filter{core_, scheduler, selector_};
    if (filter.finds_nothing()) continue;
    const auto consider = [&](const DeliveryEntry& entry) {
      if (!filter.may_match(entry)) return;
      const DeliveryKey key = entry.key();
      if ((after && !(*after < key)) || !oldest.has_room_for(key)) return;
      const DeliveryStatus status = scheduler.status_of(entry);
      if (filter.matches(status)) oldest.add(row_of(status));
    };
    for (Slot at = 0; at != kNoSlot;) {
      at = scheduler.visit_entries(at, kSlice, consider);
      Yield others{part->shard()};
      co_await others;
    }
  }
  OnShard back{shard_};
  co_await back;
  co_return std::move(oldest).sorted();
}

// The next rows in the store's order. `after` moves on with what was looked at.
Task<std::vector<ListingRow>> Listing::gather_in_order(std::optional<DeliveryKey>& after, std::size_t limit,
                                                       bool& is_end) {
  std::vector<ListingRow> rows;
  const store::Kv& kv = core_.parts.store.kv();
  const UtcTime now = core_.parts.clock.now();
  OnPool<OrderPage> reading{core_.parts.pool, shard_,
                            [&kv, this, after, limit, now] { return read_order(kv, selector_, after, limit, now); }};
  auto page = co_await reading;
  is_end = true;
  if (!page) co_return rows;
  is_end = page->is_end && page->keys.size() <= limit;
  if (page->last) after = DeliveryKey{*page->last, UINT16_MAX};
  if (page->keys.size() > limit) {
    page->keys.resize(limit);
    after = page->keys.back();
  }
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    const EntryFilter filter{core_, part.scheduler(), selector_};
    for (const auto& key : page->keys) {
      const auto status = part.scheduler().find(key);
      if (status && filter.matches(*status)) rows.push_back(row_of(*status));
    }
  });
  co_await std::move(round);
  std::sort(rows.begin(), rows.end(), is_older);
  co_return rows;
}

Task<Result<std::vector<DeliveryView>>> Listing::read(std::vector<ListingRow> rows) {
  const store::Kv& kv = core_.parts.store.kv();
  const UtcTime now = core_.parts.clock.now();
  const DirectiveSetPtr directives = core_.present_directives();
  OnPool<std::vector<DeliveryView>> reading{
      core_.parts.pool, shard_, [&kv, this, now, &rows, directives]() -> Result<std::vector<DeliveryView>> {
        std::vector<DeliveryView> views;
        for (const auto& row : rows) {
          auto view = view_of(kv, row, selector_, now, directives.get());
          if (!view) continue;
          const bool has_source = row.lane.site != kLocalSite && row.state != "held";
          if (core_.parts.source_preview && has_source) {
            view->source = core_.parts.source_preview(row.lane);
          }
          views.push_back(std::move(*view));
        }
        return views;
      }};
  co_return co_await reading;
}

Task<std::vector<DeliveryView>> Listing::views(std::optional<DeliveryKey> after, std::size_t limit) {
  auto finding = find_account();
  co_await std::move(finding);
  std::vector<DeliveryView> found;
  const bool is_scan = is_narrow(selector_) && !selector_.id;
  for (bool is_end = false; !is_end && found.size() < limit;) {
    const std::size_t page = std::min(limit - found.size(), kPageMax);
    std::vector<ListingRow> rows;
    if (is_scan) {
      auto gathering = gather(after, page);
      rows = co_await std::move(gathering);
      is_end = rows.size() < page;
      if (!rows.empty()) after = rows.back().key;
    } else {
      auto gathering = gather_in_order(after, page, is_end);
      rows = co_await std::move(gathering);
    }
    auto reading = read(std::move(rows));
    auto views = co_await std::move(reading);
    if (!views) break;
    for (auto& view : *views) found.push_back(std::move(view));
  }
  co_return found;
}

Task<Counts> Listing::counts_from_counters() {
  Counts counts;
  std::uint64_t doomed = 0;
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    const StateCounts states = part.scheduler().counts();
    counts.ready += states.ready;
    counts.active += states.active;
    counts.scheduled += states.scheduled;
    counts.held += states.held;
    doomed += part.scheduler().doomed();
  });
  co_await std::move(round);
  counts.deliveries = counts.ready + counts.active + counts.scheduled + counts.held;
  const std::uint64_t messages = core_.messages;
  counts.messages = messages > doomed ? messages - doomed : std::min<std::uint64_t>(messages, counts.deliveries);
  co_return counts;
}

Task<Counts> Listing::counts_by_scan() {
  Counts counts;
  std::unordered_set<MessageId> several;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const Scheduler& scheduler = part->scheduler();
    const EntryFilter filter{core_, scheduler, selector_};
    if (filter.finds_nothing()) continue;
    const auto consider = [&](const DeliveryEntry& entry) {
      if (!filter.may_match(entry)) return;
      const DeliveryStatus status = scheduler.status_of(entry);
      if (!filter.matches(status)) return;
      add_state(counts, state_word(status));
      const bool is_new = entry.is_sole || several.size() >= kCounted || several.insert(status.key.message).second;
      if (is_new) ++counts.messages;
    };
    for (Slot at = 0; at != kNoSlot;) {
      at = scheduler.visit_entries(at, kSlice, consider);
      Yield others{part->shard()};
      co_await others;
    }
  }
  OnShard back{shard_};
  co_await back;
  co_return counts;
}

Task<Counts> Listing::counts() {
  auto finding = find_account();
  co_await std::move(finding);
  if (is_everything(selector_)) {
    auto counting = counts_from_counters();
    co_return co_await std::move(counting);
  }
  if (is_answered_by_entry(selector_) && !selector_.id) {
    auto counting = counts_by_scan();
    co_return co_await std::move(counting);
  }
  Counts counts;
  std::optional<DeliveryKey> after;
  std::optional<MessageId> last;  // pages come in order of the key: deliveries of one message are neighbours
  for (;;) {
    auto viewing = views(after, kPageMax);
    const auto page = co_await std::move(viewing);
    for (const auto& view : page) {
      add_state(counts, view.state);
      if (last != view.key.message) ++counts.messages;
      last = view.key.message;
    }
    if (page.size() < kPageMax) break;
    after = page.back().key;
  }
  co_return counts;
}

// Page by page: neither a shard nor the memory has to bear the whole queue.
Task<Counts> Listing::make_due() {
  auto finding = find_account();
  co_await std::move(finding);
  if (selector_.state.empty()) selector_.state = "scheduled";
  Counts counts;
  std::unordered_set<MessageId> messages;
  std::optional<DeliveryKey> after;
  for (bool is_end = selector_.state != "scheduled"; !is_end;) {
    std::vector<DeliveryKey> keys;
    if (is_answered_by_entry(selector_)) {
      auto gathering = gather(after, kPageMax);
      const auto rows = co_await std::move(gathering);
      for (const auto& row : rows) keys.push_back(row.key);
    } else {
      auto viewing = views(after, kPageMax);
      const auto page = co_await std::move(viewing);
      for (const auto& view : page) keys.push_back(view.key);
    }
    is_end = keys.size() < kPageMax;
    if (!keys.empty()) after = keys.back();
    for (const auto& key : keys) {
      if (messages.size() < kCounted) messages.insert(key.message);
    }
    auto making = make_due_where(std::move(keys));
    counts.scheduled += co_await std::move(making);
  }
  auto trying = try_sites_again();
  co_await std::move(trying);
  counts.deliveries = counts.scheduled;
  counts.messages = std::min<std::uint64_t>(messages.size(), counts.deliveries);
  co_return counts;
}

// A site that did not answer is asked again now, also for mail that was due already and waits for its pause to end.
Task<void> Listing::try_sites_again() {
  const auto matches = [this](const Lane& lane) {
    return (!selector_.tenant || lane.key.tenant == *selector_.tenant) &&
           (selector_.site.empty() || is_equal_text(lane.key.site, selector_.site));
  };
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    part.scheduler().try_again(matches);
    part.pump();
  });
  co_await std::move(round);
}

Task<std::size_t> Listing::make_due_where(std::vector<DeliveryKey> keys) {
  std::size_t made = 0;
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    for (const auto& key : keys) made += part.scheduler().make_due(key) ? 1U : 0U;
    part.pump();
  });
  co_await std::move(round);
  co_return made;
}

}  // namespace bulkhead::queue

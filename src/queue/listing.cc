#include "src/queue/listing.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "src/queue/bridge.h"
#include "src/queue/settlement.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kPageFirst = 500;
constexpr std::size_t kPageMax = 20000;

std::string_view state_word(const DeliveryStatus& status) {
  if (status.is_held) return "held";
  switch (status.state) {
    case DeliveryState::kActive:
      return "active";
    case DeliveryState::kScheduled:
      return "scheduled";
    default:
      return "ready";
  }
}

ListingRow row_of(const DeliveryStatus& status) {
  ListingRow row;
  row.key = status.key;
  row.lane = status.lane->key;
  row.state = state_word(status);
  row.attempts = status.attempts;
  row.due = status.due;
  row.has_record = status.has_record;
  if (status.is_held) row.hold_code = status.lane->hold_code;
  if (status.is_held) row.hold_reason = status.lane->hold_reason;
  row.held_since = status.lane->held_since;
  return row;
}

ListingRow row_of(const Planned& planned) {
  ListingRow row;
  row.key = planned.key;
  row.lane = planned.lane;
  row.state = "ready";
  row.is_routing = true;
  row.attempts = planned.attempts;
  row.due = planned.due;
  row.has_record = planned.has_record;
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

void explain(DeliveryView& view, const ListingRow& row, const DeliveryRecord& record) {
  view.reason_since = record.attempts > 0 ? record.since : view.message->queued_at;
  if (row.is_routing) {
    view.reason_code = "routing";
    view.reason = "the mail servers of its domain are being looked up";
  } else if (row.state == "held") {
    view.reason_code = row.hold_code;
    view.reason = row.hold_reason;
    view.reason_since = row.held_since;
  } else if (row.state == "active") {
    view.reason_code = "active";
    view.reason = "it is being delivered now";
  } else if (row.state == "scheduled") {
    view.next_attempt = row.due;
    view.reason_code = "deferred";
    for (const auto& state : record.recipients) {
      if (state.fate == Fate::kDeferred) view.reason = text_of(state.answer);
    }
    if (!record.remote.empty()) view.reason = record.remote + ": " + view.reason;
  } else {
    view.reason_code = "ready";
    view.reason = "it waits for a connection to its site";
  }
}

std::optional<DeliveryView> view_of(const store::Kv& kv, const ListingRow& row, const Selector& selector, UtcTime now) {
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
  explain(view, row, record);
  return view;
}

void add_state(Counts& counts, std::string_view state) {
  ++counts.deliveries;
  if (state == "ready") ++counts.ready;
  if (state == "active") ++counts.active;
  if (state == "scheduled") ++counts.scheduled;
  if (state == "held") ++counts.held;
}

}  // namespace

// The oldest matching rows of all shards. Resumes on the caller's shard.
Task<std::vector<ListingRow>> Listing::gather(std::optional<DeliveryKey> after, std::size_t limit) {
  Oldest oldest{limit};
  const auto consider = [&](const DeliveryKey& key, const auto& source) {
    if ((after && !(*after < key)) || !oldest.has_room_for(key)) return;
    if (selector_.id && *selector_.id != key.message) return;
    ListingRow row = row_of(source);
    if (matches_row(core_.parts, selector_, row)) oldest.add(std::move(row));
  };
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    part->scheduler().visit([&](const DeliveryStatus& status) { consider(status.key, status); });
    part->planner().visit_waiting([&](const Planned& planned) { consider(planned.key, planned); });
  }
  OnShard back{shard_};
  co_await back;
  co_return std::move(oldest).sorted();
}

Task<Result<std::vector<DeliveryView>>> Listing::read(std::vector<ListingRow> rows) {
  const store::Kv& kv = core_.parts.store.kv();
  const UtcTime now = core_.parts.clock.now();
  OnPool<std::vector<DeliveryView>> reading{
      core_.parts.pool, shard_, [&kv, this, now, &rows]() -> Result<std::vector<DeliveryView>> {
        std::vector<DeliveryView> views;
        for (const auto& row : rows) {
          auto view = view_of(kv, row, selector_, now);
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
  std::vector<DeliveryView> found;
  std::size_t page = is_lane_selector(selector_) ? std::min(limit, kPageMax) : kPageFirst;
  while (found.size() < limit) {
    auto gathering = gather(after, page);
    auto rows = co_await std::move(gathering);
    if (rows.empty()) break;
    const bool is_end = rows.size() < page;
    after = rows.back().key;
    auto reading = read(std::move(rows));
    auto views = co_await std::move(reading);
    if (!views) break;
    for (auto& view : *views) {
      if (found.size() < limit) found.push_back(std::move(view));
    }
    if (is_end) break;
    page = std::min(page * 2, kPageMax);
  }
  co_return found;
}

Task<Counts> Listing::counts_from_counters() {
  Counts counts;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const StateCounts states = part->scheduler().counts();
    counts.ready += states.ready + part->planner().waiting();
    counts.active += states.active;
    counts.scheduled += states.scheduled;
    counts.held += states.held;
  }
  counts.deliveries = counts.ready + counts.active + counts.scheduled + counts.held;
  counts.messages = core_.messages;
  OnShard back{shard_};
  co_await back;
  co_return counts;
}

Task<Counts> Listing::counts() {
  if (is_everything(selector_)) {
    auto counting = counts_from_counters();
    co_return co_await std::move(counting);
  }
  Counts counts;
  std::optional<DeliveryKey> after;
  std::optional<MessageId> last;  // pages come in order of the key: deliveries of one message are neighbours
  for (bool is_end = false; !is_end;) {
    auto gathering = gather(after, kPageMax);
    auto rows = co_await std::move(gathering);
    is_end = rows.size() < kPageMax;
    if (!rows.empty()) after = rows.back().key;
    const auto add = [&](const DeliveryKey& key, std::string_view state) {
      add_state(counts, state);
      if (last != key.message) ++counts.messages;
      last = key.message;
    };
    if (is_lane_selector(selector_)) {
      for (const auto& row : rows) add(row.key, row.state);
      continue;
    }
    auto reading = read(std::move(rows));
    auto views = co_await std::move(reading);
    if (!views) break;
    for (const auto& view : *views) add(view.key, view.state);
  }
  co_return counts;
}

Task<Counts> Listing::make_due() {
  std::set<DeliveryKey> chosen;
  const bool is_by_lane = is_lane_selector(selector_);
  if (!is_by_lane) {
    auto listing = views(std::nullopt, SIZE_MAX);
    const auto found = co_await std::move(listing);
    for (const auto& view : found) chosen.insert(view.key);
  }
  Counts counts;
  std::unordered_set<MessageId> messages;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    counts.scheduled += part->scheduler().make_due([&](const DeliveryStatus& status) {
      const bool is_chosen =
          is_by_lane ? matches_row(core_.parts, selector_, row_of(status)) : chosen.contains(status.key);
      if (is_chosen) messages.insert(status.key.message);
      return is_chosen;
    });
    part->pump();
  }
  counts.deliveries = counts.scheduled;
  counts.messages = messages.size();
  OnShard back{shard_};
  co_await back;
  co_return counts;
}

}  // namespace bulkhead::queue

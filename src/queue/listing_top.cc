// Who has the most in the queue.
//
// Of everything: tenants, sites and sources are summed up by lanes; of accounts, senders and clients the counters tell
// who has the most, and only their deliveries are looked at for their states. Of a selection: one look over the tables.

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "src/queue/bridge.h"
#include "src/queue/each_part.h"
#include "src/queue/listing.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kSlice = 16384;
constexpr std::size_t kCounted = 1000000;  // ids kept to count messages with several deliveries once

void add(Counts& sum, const DeliveryStatus& status) {
  ++sum.deliveries;
  if (status.is_held) {
    ++sum.held;
  } else if (status.state == DeliveryState::kActive) {
    ++sum.active;
  } else if (status.is_paused || status.state == DeliveryState::kScheduled) {
    ++sum.scheduled;
  } else {
    ++sum.ready;
  }
}

void add(Counts& sum, const Counts& other) {
  sum.messages += other.messages;
  sum.deliveries += other.deliveries;
  sum.ready += other.ready;
  sum.active += other.active;
  sum.scheduled += other.scheduled;
  sum.held += other.held;
}

struct Sum {
  Counts counts;
  MessageId sample;
  std::string text;  // where no message is needed to name it
  TenantId tenant;
};

bool is_by_lane(TopBy by) {
  return by == TopBy::kTenant || by == TopBy::kSite || by == TopBy::kSource;
}

AttributeRef ref_of(TopBy by, const DeliveryEntry& entry) {
  switch (by) {
    case TopBy::kAccount:
      return entry.account;
    case TopBy::kTenant:
      return entry.strand->lane->tenant->ref;
    case TopBy::kSender:
      return entry.sender;
    case TopBy::kClientIp:
      return entry.client_ip;
    default:
      return entry.strand->lane->site;
  }
}

AttributeKind kind_of(TopBy by) {
  if (by == TopBy::kAccount) return AttributeKind::kAccount;
  return by == TopBy::kSender ? AttributeKind::kSender : AttributeKind::kClientIp;
}

// Where no message is needed to name it.
std::string text_by_lane(TopBy by, const Lane& lane) {
  if (by == TopBy::kTenant) return lane.key.tenant.text();
  return by == TopBy::kSite && !lane.is_routing ? lane.key.site : std::string{};
}

std::string name_of(TopBy by, const Message& message) {
  if (by == TopBy::kAccount) return message.account_name;
  if (by == TopBy::kClientIp) return message.client_ip ? message.client_ip->text() : "";
  return message.sender.address ? message.sender.text() : "<>";
}

}  // namespace

struct Listing::TopSums {
  std::unordered_map<std::uint64_t, Sum> by_key;  // of the whole node; 0: has no such value
  std::unordered_set<std::uint64_t> several;      // value and message, of messages with several deliveries

  bool is_first(const MessageId& message, std::uint64_t key) {
    return several.size() >= kCounted || several.insert(std::hash<MessageId>{}(message) ^ key).second;
  }

  void add_rows(const std::vector<Sum>& rows, const std::vector<std::uint64_t>& keys) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].counts.deliveries == 0) continue;
      Sum& total = by_key[keys[i]];
      add(total.counts, rows[i].counts);
      total.sample = rows[i].sample;
      total.tenant = rows[i].tenant;
      if (!rows[i].text.empty()) total.text = rows[i].text;
    }
  }
};

// Sums within one shard go by the number of a row, which costs an index into an array a delivery. With `wanted`, only
// these values are looked at.
Task<void> Listing::sum_up(TopBy by, const std::vector<std::uint64_t>* wanted, TopSums& sums) {
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    Scheduler& scheduler = part->scheduler();
    const EntryFilter filter{core_, scheduler, selector_};
    if (filter.finds_nothing()) continue;
    std::vector<Sum> rows;
    std::vector<std::uint64_t> keys;  // of rows
    std::vector<std::uint32_t> row_of_ref;
    std::unordered_map<const Lane*, std::uint32_t> row_of_lane;  // by source, while this slice lasts
    const auto make_row = [&](std::uint64_t key) {
      rows.emplace_back();
      keys.push_back(key);
      return static_cast<std::uint32_t>(rows.size());
    };
    const auto row_for = [&](const DeliveryEntry& entry) -> Sum* {
      if (by == TopBy::kSource) {
        const Lane& lane = *entry.strand->lane;
        std::uint32_t& at = row_of_lane[&lane];
        if (at == 0) {
          const std::string source = source_of(lane);
          at = make_row(core_.hash(AttributeKind::kSite, source));
          rows.back().text = source;
        }
        return &rows[at - 1];
      }
      const AttributeRef ref = ref_of(by, entry);
      if (ref >= row_of_ref.size()) return nullptr;
      if (row_of_ref[ref] == 0 && wanted == nullptr) {
        row_of_ref[ref] = make_row(ref == kNoAttribute ? 0 : scheduler.attributes()[ref].key);
        rows.back().text = text_by_lane(by, *entry.strand->lane);
      }
      return row_of_ref[ref] == 0 ? nullptr : &rows[row_of_ref[ref] - 1];
    };
    const auto consider = [&](const DeliveryEntry& entry) {
      if (!filter.may_match(entry)) return;
      if (wanted != nullptr && row_of_ref[ref_of(by, entry)] == 0) return;
      const DeliveryStatus status = scheduler.status_of(entry);
      if (!filter.matches(status)) return;
      Sum* sum = row_for(entry);
      if (sum == nullptr) return;
      add(sum->counts, status);
      sum->sample = entry.message;
      sum->tenant = status.lane->key.tenant;
      const bool is_new =
          entry.is_sole || sums.is_first(entry.message, keys[static_cast<std::size_t>(sum - rows.data())]);
      if (is_new) ++sum->counts.messages;
    };
    for (Slot at = 0; at != kNoSlot;) {
      // Rows may go and come, and lanes too, while others have their turn: each slice begins anew.
      rows.clear();
      keys.clear();
      row_of_lane.clear();
      row_of_ref.assign(scheduler.attributes().end() + std::size_t{1}, 0);
      if (wanted != nullptr) {
        for (const std::uint64_t key : *wanted) {
          const AttributeRef ref = key == 0 ? kNoAttribute : scheduler.attributes().find(key);
          if (key == 0 || ref != kNoAttribute) row_of_ref[ref] = make_row(key);
        }
      }
      at = scheduler.visit_entries(at, kSlice, consider);
      sums.add_rows(rows, keys);
      Yield others{part->shard()};
      co_await others;
    }
  }
  OnShard back{shard_};
  co_await back;
}

std::string Listing::source_of(const Lane& lane) const {
  if (!core_.parts.source_preview || lane.is_local()) return {};
  const auto preview = core_.parts.source_preview(lane.key);
  return preview ? preview->text() : std::string{};
}

// The values with the most deliveries on all shards together, by their keys; 0: those that have no such value.
Task<std::vector<std::uint64_t>> Listing::most_by_counters(TopBy by, std::size_t limit) {
  using Row = std::pair<std::uint64_t, std::uint64_t>;  // key, deliveries
  std::vector<Row> found;
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    const Scheduler& scheduler = part.scheduler();
    std::uint64_t rest = scheduler.counts().total();
    scheduler.attributes().visit(kind_of(by), [&](const AttributeRow& row) {
      found.emplace_back(row.key, row.deliveries);
      rest -= row.deliveries;
    });
    if (rest > 0) found.emplace_back(0, rest);
  });
  co_await std::move(round);
  std::ranges::sort(found);
  std::vector<Row> sums;
  for (const auto& [key, deliveries] : found) {
    if (sums.empty() || sums.back().first != key) sums.emplace_back(key, 0);
    sums.back().second += deliveries;
  }
  const std::size_t count = std::min(limit, sums.size());
  std::ranges::partial_sort(sums, sums.begin() + static_cast<std::ptrdiff_t>(count), std::ranges::greater{},
                            &Row::second);
  std::vector<std::uint64_t> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(sums[i].first);
  co_return keys;
}

// What a lane belongs to, and what it has.
Task<void> Listing::sum_up_lanes(TopBy by, TopSums& sums) {
  auto round = on_each_part(core_, shard_, [&](ShardPart& part) {
    const Scheduler& scheduler = part.scheduler();
    scheduler.visit_lanes([&](const Lane& lane) {
      const StateCounts states = lane.counts();
      if (states.total() == 0) return;
      const std::string text = by == TopBy::kSource ? source_of(lane) : text_by_lane(by, lane);
      Sum& sum = sums.by_key[key_of_lane(scheduler, by, lane, text)];
      sum.text = text;
      sum.tenant = lane.key.tenant;
      add(sum.counts, {.messages = lane.sole,
                       .deliveries = states.total(),
                       .ready = states.ready,
                       .active = states.active,
                       .scheduled = states.scheduled,
                       .held = states.held});
    });
  });
  co_await std::move(round);
  auto counting = count_several_once(by, sums);
  co_await std::move(counting);
}

std::uint64_t Listing::key_of_lane(const Scheduler& scheduler, TopBy by, const Lane& lane,
                                   const std::string& text) const {
  if (by == TopBy::kSource) return core_.hash(AttributeKind::kSite, text);
  const AttributeRef ref = by == TopBy::kTenant ? lane.tenant->ref : lane.site;
  return ref == kNoAttribute ? 0 : scheduler.attributes()[ref].key;
}

// Messages with several deliveries count once for each value that they have.
Task<void> Listing::count_several_once(TopBy by, TopSums& sums) {
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const Scheduler& scheduler = part->scheduler();
    std::unordered_map<const Lane*, std::uint64_t> key_of;  // while this slice lasts
    const auto consider = [&](const DeliveryEntry& entry) {
      if (entry.is_sole) return;
      const Lane& lane = *entry.strand->lane;
      auto [key, is_new] = key_of.try_emplace(&lane, 0);
      if (is_new)
        key->second = key_of_lane(scheduler, by, lane, by == TopBy::kSource ? source_of(lane) : std::string{});
      const auto sum = sums.by_key.find(key->second);
      if (sum != sums.by_key.end() && sums.is_first(entry.message, key->second)) ++sum->second.counts.messages;
    };
    for (Slot at = scheduler.has_several() ? 0 : kNoSlot; at != kNoSlot;) {
      key_of.clear();
      at = scheduler.visit_entries(at, kSlice, consider);
      Yield others{part->shard()};
      co_await others;
    }
  }
  OnShard back{shard_};
  co_await back;
}

Task<std::vector<TopRow>> Listing::top(TopBy by, std::size_t limit) {
  auto finding = find_account();
  co_await std::move(finding);
  TopSums sums;
  if (is_everything(selector_) && is_by_lane(by)) {
    auto summing = sum_up_lanes(by, sums);
    co_await std::move(summing);
  } else if (is_everything(selector_)) {
    auto choosing = most_by_counters(by, limit);
    const auto wanted = co_await std::move(choosing);
    auto summing = sum_up(by, &wanted, sums);
    co_await std::move(summing);
  } else {
    auto summing = sum_up(by, nullptr, sums);
    co_await std::move(summing);
  }
  std::vector<Sum> most;
  for (auto& [key, sum] : sums.by_key) most.push_back(std::move(sum));
  const auto past = most.begin() + static_cast<std::ptrdiff_t>(std::min(limit, most.size()));
  std::partial_sort(most.begin(), past, most.end(),
                    [](const Sum& a, const Sum& b) { return a.counts.deliveries > b.counts.deliveries; });
  most.erase(past, most.end());
  const store::Kv& kv = core_.parts.store.kv();
  OnPool<std::vector<TopRow>> naming{
      core_.parts.pool, shard_, [&kv, &most, by]() -> Result<std::vector<TopRow>> {
        std::vector<TopRow> rows;
        for (const auto& sum : most) {
          TopRow row{sum.text, sum.tenant, sum.counts};
          const bool is_named = by == TopBy::kAccount || by == TopBy::kSender || by == TopBy::kClientIp;
          const auto bytes =
              is_named ? kv.get(store::Family::kQueue, message_key(sum.sample)) : Result<std::optional<std::string>>{};
          if (bytes && *bytes) {
            const auto message = Message::decode(**bytes);
            if (message) row.key = name_of(by, *message);
          }
          rows.push_back(std::move(row));
        }
        return rows;
      }};
  auto named = co_await naming;
  if (!named) co_return std::vector<TopRow>{};
  co_return std::move(*named);
}

}  // namespace bulkhead::queue

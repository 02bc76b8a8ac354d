// Who has the most in the queue: one look over the tables, sums by value.

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "src/queue/bridge.h"
#include "src/queue/listing.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kSlice = 16384;
constexpr std::size_t kCounted = 1000000;  // ids kept to count messages with several deliveries once

void add(Counts& sum, std::string_view state) {
  ++sum.deliveries;
  if (state == "ready") ++sum.ready;
  if (state == "active") ++sum.active;
  if (state == "scheduled") ++sum.scheduled;
  if (state == "held") ++sum.held;
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

AttributeRef ref_of(TopBy by, const DeliveryStatus& status) {
  const DeliveryEntry& entry = *status.entry;
  switch (by) {
    case TopBy::kAccount:
      return entry.account;
    case TopBy::kTenant:
      return status.lane->tenant->ref;
    case TopBy::kSender:
      return entry.sender;
    case TopBy::kClientIp:
      return entry.client_ip;
    default:
      return status.lane->site;
  }
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

  void add_rows(const std::vector<Sum>& rows, const std::vector<std::uint64_t>& keys) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Sum& total = by_key[keys[i]];
      add(total.counts, rows[i].counts);
      total.sample = rows[i].sample;
      total.tenant = rows[i].tenant;
      if (!rows[i].text.empty()) total.text = rows[i].text;
    }
  }
};

// Sums within one shard go by the number of a row, which costs an index into an array a delivery.
Task<void> Listing::sum_up(TopBy by, TopSums& sums) {
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    Scheduler& scheduler = part->scheduler();
    const EntryFilter filter{core_, scheduler, selector_};
    std::vector<Sum> rows;
    std::vector<std::uint64_t> keys;                       // of rows
    std::unordered_map<const Lane*, std::string> sources;  // by lane, while this slice lasts
    std::unordered_map<std::string, std::size_t> row_of_source;
    std::vector<std::uint32_t> row_of_ref;
    const auto row_for = [&](const DeliveryStatus& status) -> Sum& {
      std::size_t at = 0;
      if (by == TopBy::kSource) {
        auto [source, is_new] = sources.try_emplace(status.lane);
        if (is_new && core_.parts.source_preview && !status.lane->is_local()) {
          const auto preview = core_.parts.source_preview(status.lane->key);
          if (preview) source->second = preview->text();
        }
        const auto [found, is_first] = row_of_source.try_emplace(source->second, rows.size());
        at = found->second;
        if (is_first) {
          rows.emplace_back().text = source->second;
          keys.push_back(core_.hash(AttributeKind::kSite, source->second));
        }
      } else {
        const AttributeRef ref = ref_of(by, status);
        if (ref >= row_of_ref.size()) row_of_ref.resize(scheduler.attributes().end() + std::size_t{1}, 0);
        if (row_of_ref[ref] == 0) {
          Sum& made = rows.emplace_back();
          if (by == TopBy::kTenant) made.text = status.lane->key.tenant.text();
          if (by == TopBy::kSite && !status.lane->is_routing) made.text = status.lane->key.site;
          keys.push_back(ref == kNoAttribute ? 0 : scheduler.attributes()[ref].key);
          row_of_ref[ref] = static_cast<std::uint32_t>(rows.size());
        }
        at = row_of_ref[ref] - 1;
      }
      return rows[at];
    };
    const std::function<void(const DeliveryStatus&)> consider = [&](const DeliveryStatus& status) {
      if (!filter.matches(status)) return;
      Sum& sum = row_for(status);
      add(sum.counts, state_word(status));
      sum.sample = status.key.message;
      sum.tenant = status.lane->key.tenant;
      bool is_new = status.entry->is_sole || sums.several.size() >= kCounted;
      if (!is_new) {
        const std::uint64_t key = keys[static_cast<std::size_t>(&sum - rows.data())];
        is_new = sums.several.insert(std::hash<MessageId>{}(status.key.message) ^ key).second;
      }
      if (is_new) ++sum.counts.messages;
    };
    for (Slot at = 0; at != kNoSlot;) {
      at = scheduler.visit_some(at, kSlice, consider);
      sources.clear();  // lanes may go while others have their turn
      row_of_ref.clear();
      sums.add_rows(rows, keys);
      rows.clear();
      keys.clear();
      row_of_source.clear();
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
  auto summing = sum_up(by, sums);
  co_await std::move(summing);
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

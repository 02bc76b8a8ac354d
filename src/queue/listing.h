// Lists and counts across the shards. A page of the oldest deliveries is gathered from every shard, then their records
// are read on the pool; no shard is kept busy for longer than one look over its table.
#pragma once

#include <string>
#include <vector>

#include "src/queue/core.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

// What a shard knows of a delivery without its record.
struct ListingRow {
  DeliveryKey key;
  LaneKey lane;
  std::string_view state;   // one of the four words of the interface
  bool is_routing = false;  // its site is being looked up
  bool is_sole = true;
  std::uint32_t directive = 0;  // that holds it
  UtcTime until = kNever;       // of a pause
  std::string remedy;
  std::uint16_t attempts = 0;
  UtcTime due;
  bool has_record = false;
  std::string hold_code, hold_reason;
  UtcTime held_since;
};

// The part of a selector that one shard's entries answer.
class EntryFilter {
 public:
  EntryFilter(const Core& core, const Scheduler& scheduler, const Selector& selector);
  // Whether nothing of this shard matches, as its counters tell.
  bool finds_nothing() const { return is_hopeless_; }
  // Cheap: what the entry alone tells.
  bool may_match(const DeliveryEntry& entry) const {
    const auto differs = [](AttributeRef wanted, AttributeRef is) { return wanted != kNoAttribute && wanted != is; };
    return !differs(account_, entry.account) && !differs(sender_, entry.sender) &&
           !differs(client_ip_, entry.client_ip) && !differs(domain_, entry.domain);
  }
  bool matches(const DeliveryStatus& status) const;

 private:
  bool has_state(const Scheduler& scheduler) const;

  const Queue::Parts& parts_;
  const Selector& selector_;
  AttributeRef account_ = kNoAttribute, sender_ = kNoAttribute, client_ip_ = kNoAttribute, domain_ = kNoAttribute;
  bool is_hopeless_ = false;  // nobody here has what is asked for
};

// The key behind a DeliveryKey's text.
std::optional<DeliveryKey> parse_delivery_text(std::string_view text);

// Reads of the queue for one caller. Each look over a shard's table is cut into slices; what is asked of messages is
// asked on the pool. Resumes on `shard`.
class Listing {
 public:
  Listing(Core& core, net::Shard& shard, Selector selector)
      : core_(core), shard_(shard), selector_(std::move(selector)) {}

  // At most `limit` views after the given key.
  Task<std::vector<DeliveryView>> views(std::optional<DeliveryKey> after, std::size_t limit);
  Task<Counts> counts();
  // Makes what is scheduled and matches due now.
  Task<Counts> make_due();
  // The values with the most matching deliveries.
  Task<std::vector<TopRow>> top(TopBy by, std::size_t limit);

 private:
  struct TopSums;
  Task<void> find_account();
  Task<std::vector<ListingRow>> gather(std::optional<DeliveryKey> after, std::size_t limit);
  Task<std::vector<ListingRow>> gather_in_order(std::optional<DeliveryKey>& after, std::size_t limit, bool& is_end);
  Task<Counts> counts_by_scan();
  Task<std::size_t> make_due_where(std::vector<DeliveryKey> keys);
  Task<void> try_sites_again();
  Task<void> sum_up(TopBy by, const std::vector<std::uint64_t>* wanted, TopSums& sums);
  Task<void> sum_up_lanes(TopBy by, TopSums& sums);
  Task<void> count_several_once(TopBy by, TopSums& sums);
  Task<std::vector<std::uint64_t>> most_by_counters(TopBy by, std::size_t limit);
  std::string source_of(const Lane& lane) const;
  std::uint64_t key_of_lane(const Scheduler& scheduler, TopBy by, const Lane& lane, const std::string& source) const;
  Task<Result<std::vector<DeliveryView>>> read(std::vector<ListingRow> rows);
  Task<Counts> counts_from_counters();

  Core& core_;
  net::Shard& shard_;
  Selector selector_;
};

}  // namespace bulkhead::queue

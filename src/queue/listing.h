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
  std::uint16_t attempts = 0;
  UtcTime due;
  bool has_record = false;
  std::string hold_code, hold_reason;
  UtcTime held_since;
};

// Whether a selector can be answered without reading messages.
bool is_lane_selector(const Selector& selector);
// Whether it selects everything.
bool is_everything(const Selector& selector);
// The part of the selector that the lane, the id and the state answer.
bool matches_row(const Queue::Parts& parts, const Selector& selector, const ListingRow& row);
// The part that needs the message.
bool matches_message(const Selector& selector, const Message& message, const std::vector<std::uint16_t>& pending,
                     UtcTime now);

// The key behind a DeliveryKey's text.
std::optional<DeliveryKey> parse_delivery_text(std::string_view text);

// Calls for each page of matching deliveries in order of age, until `visit` returns false. Resumes on `shard`.
class Listing {
 public:
  Listing(Core& core, net::Shard& shard, Selector selector)
      : core_(core), shard_(shard), selector_(std::move(selector)) {}

  // At most `limit` views after the given key.
  Task<std::vector<DeliveryView>> views(std::optional<DeliveryKey> after, std::size_t limit);
  Task<Counts> counts();
  // Makes what is scheduled and matches due now.
  Task<Counts> make_due();

 private:
  Task<std::vector<ListingRow>> gather(std::optional<DeliveryKey> after, std::size_t limit);
  Task<Result<std::vector<DeliveryView>>> read(std::vector<ListingRow> rows);
  Task<Counts> counts_from_counters();

  Core& core_;
  net::Shard& shard_;
  const Selector selector_;
};

}  // namespace bulkhead::queue

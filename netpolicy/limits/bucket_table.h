// All buckets of the node, by key. Bounded: a bucket from which nothing is taken is forgotten.
//
// Striped: a look-up locks one of many stripes for the time of a hash look-up; what is done with the bucket then
// needs no lock. Thread-safe.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "netpolicy/limits/bucket.h"

namespace bulkhead::netpolicy {

struct NamedBucket : Bucket {
  NamedBucket(std::string_view its_key, Ticks arrival) : Bucket(arrival), key(its_key) {}
  const std::string key;
};
using BucketPtr = std::shared_ptr<NamedBucket>;

// What is stored of a bucket.
struct BucketState {
  std::string key;
  tenants::Rate rate;
  Ticks arrival = 0;
};

// What has to be written to the store since the last time.
struct BucketChanges {
  std::vector<BucketState> changed;
  std::vector<std::string> forgotten;  // keys
};

class BucketTable {
 public:
  static constexpr std::size_t kBucketsMax = 200'000;  // about 300 bytes each
  explicit BucketTable(std::size_t buckets_max = kBucketsMax);

  // The bucket of `key`, to be taken from; made full if there is none. When the rate is another than the last time,
  // what is used of the bucket stays used: "312 of 500" becomes "312 of 1000"; see at_new_rate.
  BucketPtr find(std::string_view key, const tenants::Rate& rate, Ticks now);
  // Nothing when nothing is taken from it.
  BucketPtr peek(std::string_view key) const;
  // The same with the rate that it was last taken from at.
  std::optional<BucketState> state_of(std::string_view key) const;
  // Remembers that the bucket has changed, for take_changes; find() does so too.
  void touch(std::string_view key);

  // What has changed since the last call. Forgets, in passing, a share of the buckets from which nothing is taken.
  BucketChanges take_changes(Ticks now);
  // Changes that could not be stored: take_changes gives them again.
  void put_back(BucketChanges changes);
  // At the start, before anything else.
  void restore(const BucketState& state);

  std::size_t size() const;
  // Buckets that were forgotten although something was taken from them, because the table was full of such.
  std::uint64_t forgotten_early() const { return forgotten_early_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kStripes = 64;
  static constexpr std::size_t kStripesSweptAtOnce = 8;

  struct Entry {
    BucketPtr bucket;
    tenants::Rate rate;
    bool is_changed = false;  // stands in `changed`
    bool is_stored = false;   // the store may have it
  };
  using Entries = std::unordered_map<std::string_view, Entry>;  // the keys are those of the buckets
  struct Stripe {
    mutable std::mutex mutex;
    Entries entries;
    std::vector<BucketPtr> changed;
    std::vector<std::string> forgotten;
  };

  Stripe& stripe_of(std::string_view key) { return stripes_[std::hash<std::string_view>{}(key) % kStripes]; }
  const Stripe& stripe_of(std::string_view key) const {
    return stripes_[std::hash<std::string_view>{}(key) % kStripes];
  }
  static bool is_unused(const Entry& entry, Ticks now);
  static void mark(Stripe& stripe, Entry& entry);
  static Entries::iterator forget(Stripe& stripe, Entries::iterator entry);
  void make_room(Stripe& stripe, Ticks now);
  static void sweep(Stripe& stripe, Ticks now);

  const std::size_t entries_per_stripe_max_;
  std::array<Stripe, kStripes> stripes_;
  std::size_t next_sweep_ = 0;  // only take_changes
  std::atomic<std::uint64_t> forgotten_early_{0};
};

}  // namespace bulkhead::netpolicy

#include "netpolicy/limits/bucket_table.h"

#include <algorithm>
#include <utility>

namespace bulkhead::netpolicy {

namespace {

// Somebody may take from it in the next moment, without looking it up again.
template <class Entry>
bool is_held(const Entry& entry) {
  return entry.bucket.use_count() > (entry.is_changed ? 2 : 1);
}

}  // namespace

BucketTable::BucketTable(std::size_t buckets_max)
    : entries_per_stripe_max_(std::max<std::size_t>(buckets_max / kStripes, 1)) {}

bool BucketTable::is_unused(const Entry& entry, Ticks now) {
  return !is_held(entry) && entry.bucket->is_full(now);
}

BucketTable::Entries::iterator BucketTable::forget(Stripe& stripe, Entries::iterator entry) {
  if (entry->second.is_stored) stripe.forgotten.emplace_back(entry->first);
  return stripe.entries.erase(entry);
}

void BucketTable::sweep(Stripe& stripe, Ticks now) {
  for (auto entry = stripe.entries.begin(); entry != stripe.entries.end();) {
    entry = is_unused(entry->second, now) ? forget(stripe, entry) : std::next(entry);
  }
}

void BucketTable::mark(Stripe& stripe, Entry& entry) {
  if (std::exchange(entry.is_changed, true)) return;
  stripe.changed.push_back(entry.bucket);
}

// Called when the stripe is full. What nobody needs goes; if everything is in use, the bucket that will be full again
// first loses its memory, as that is the least to be lost.
void BucketTable::make_room(Stripe& stripe, Ticks now) {
  sweep(stripe, now);
  if (stripe.entries.size() < entries_per_stripe_max_) return;
  auto least = stripe.entries.end();
  for (auto entry = stripe.entries.begin(); entry != stripe.entries.end(); ++entry) {
    if (is_held(entry->second)) continue;
    if (least == stripe.entries.end() || entry->second.bucket->arrival() < least->second.bucket->arrival()) {
      least = entry;
    }
  }
  if (least == stripe.entries.end()) return;  // all are held: bounded by the sessions there are
  forget(stripe, least);
  forgotten_early_.fetch_add(1, std::memory_order_relaxed);
}

BucketPtr BucketTable::find(std::string_view key, const tenants::Rate& rate, Ticks now) {
  auto& stripe = stripe_of(key);
  const std::lock_guard lock{stripe.mutex};
  auto found = stripe.entries.find(key);
  if (found == stripe.entries.end()) {
    if (stripe.entries.size() >= entries_per_stripe_max_) make_room(stripe, now);
    auto bucket = std::make_shared<NamedBucket>(key, now);
    const std::string_view name = bucket->key;
    found = stripe.entries.emplace(name, Entry{std::move(bucket), rate}).first;
  }
  auto& entry = found->second;
  if (entry.rate != rate) {
    const Ticks ahead = entry.bucket->arrival() - now;
    entry.bucket->set_ahead(now, at_new_rate(Meter{entry.rate}, Meter{rate}, ahead));
    entry.rate = rate;
  }
  mark(stripe, entry);
  return entry.bucket;
}

BucketPtr BucketTable::peek(std::string_view key) const {
  const auto& stripe = stripe_of(key);
  const std::lock_guard lock{stripe.mutex};
  const auto found = stripe.entries.find(key);
  return found == stripe.entries.end() ? nullptr : found->second.bucket;
}

std::optional<BucketState> BucketTable::state_of(std::string_view key) const {
  const auto& stripe = stripe_of(key);
  const std::lock_guard lock{stripe.mutex};
  const auto found = stripe.entries.find(key);
  if (found == stripe.entries.end()) return std::nullopt;
  return BucketState{std::string{key}, found->second.rate, found->second.bucket->arrival()};
}

void BucketTable::touch(std::string_view key) {
  auto& stripe = stripe_of(key);
  const std::lock_guard lock{stripe.mutex};
  const auto found = stripe.entries.find(key);
  if (found != stripe.entries.end()) mark(stripe, found->second);
}

BucketChanges BucketTable::take_changes(Ticks now) {
  BucketChanges changes;
  for (std::size_t i = 0; i < kStripes; ++i) {
    auto& stripe = stripes_[i];
    const std::lock_guard lock{stripe.mutex};
    for (const auto& bucket : std::exchange(stripe.changed, {})) {
      const auto found = stripe.entries.find(bucket->key);
      if (found == stripe.entries.end() || found->second.bucket != bucket) continue;
      found->second.is_changed = false;
      if (bucket->is_full(now)) continue;
      found->second.is_stored = true;
      changes.changed.push_back({bucket->key, found->second.rate, bucket->arrival()});
    }
    if ((i + kStripes - next_sweep_) % kStripes < kStripesSweptAtOnce) sweep(stripe, now);
    std::ranges::move(std::exchange(stripe.forgotten, {}), std::back_inserter(changes.forgotten));
  }
  next_sweep_ = (next_sweep_ + kStripesSweptAtOnce) % kStripes;
  return changes;
}

void BucketTable::put_back(BucketChanges changes) {
  for (const auto& state : changes.changed) touch(state.key);
  for (auto& key : changes.forgotten) {
    auto& stripe = stripe_of(key);
    const std::lock_guard lock{stripe.mutex};
    // Made again meanwhile: it will be stored over what is there.
    if (!stripe.entries.contains(key)) stripe.forgotten.push_back(std::move(key));
  }
}

void BucketTable::restore(const BucketState& state) {
  auto& stripe = stripe_of(state.key);
  const std::lock_guard lock{stripe.mutex};
  if (stripe.entries.size() >= entries_per_stripe_max_) return;
  auto bucket = std::make_shared<NamedBucket>(state.key, state.arrival);
  const std::string_view name = bucket->key;
  Entry entry{std::move(bucket), state.rate};
  entry.is_stored = true;
  stripe.entries.emplace(name, std::move(entry));
}

std::size_t BucketTable::size() const {
  std::size_t size = 0;
  for (const auto& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    size += stripe.entries.size();
  }
  return size;
}

}  // namespace bulkhead::netpolicy

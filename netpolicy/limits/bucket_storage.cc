#include "netpolicy/limits/bucket_storage.h"

#include <future>

#include "src/store/encoding.h"

namespace bulkhead::netpolicy {

namespace {

using store::Family;

// Family meta: "limit/b" + bucket key → version, arrival, rate; "limit/t" → version, when it was saved last.
constexpr std::string_view kBucketPrefix = "limit/b";
constexpr std::string_view kBucketEnd = "limit/c";
constexpr std::string_view kSavedAt = "limit/t";
constexpr char kVersion = 1;
constexpr std::size_t kBucketSize = 1 + 4 * 8;

std::string encode(const BucketState& state) {
  std::string value(1, kVersion);
  store::append_le(value, static_cast<std::uint64_t>(state.arrival));
  store::append_le(value, state.rate.count);
  store::append_le(value, static_cast<std::uint64_t>(state.rate.period.count()));
  store::append_le(value, state.rate.burst);
  return value;
}

// Nothing for a value that no program of this version has written.
std::optional<BucketState> decode(std::string_view key, std::string_view value) {
  if (value.size() != kBucketSize || value[0] != kVersion) return std::nullopt;
  BucketState state;
  state.key = key.substr(kBucketPrefix.size());
  state.arrival = static_cast<Ticks>(store::load_le<std::uint64_t>(value.data() + 1));
  state.rate.count = store::load_le<std::uint64_t>(value.data() + 9);
  state.rate.period = std::chrono::seconds{store::load_le<std::uint64_t>(value.data() + 17)};
  state.rate.burst = store::load_le<std::uint64_t>(value.data() + 25);
  const bool is_sound = state.rate.count > 0 && state.rate.burst > 0 && state.rate.period.count() > 0 &&
                        state.rate.period <= tenants::Rate::kPeriodMax;
  return is_sound ? std::optional{std::move(state)} : std::nullopt;
}

Result<Ticks> saved_at(const store::Kv& kv, Ticks fallback) {
  const auto value = kv.get(Family::kMeta, kSavedAt);
  if (!value) return fail(value.error());
  if (!*value || (*value)->size() != 9 || (**value)[0] != kVersion) return fallback;
  return static_cast<Ticks>(store::load_le<std::uint64_t>((*value)->data() + 1));
}

}  // namespace

Status BucketStorage::load() {
  const Ticks now = limiter_.timeline().now();
  const auto saved = saved_at(store_.kv(), now);
  if (!saved) return fail(saved.error());
  const Ticks shift = std::min<Ticks>(now - *saved, 0);
  std::size_t unreadable = 0;
  const auto visit = [&](std::string_view key, std::string_view value) {
    auto state = decode(key, value);
    if (!state) {
      ++unreadable;
      return true;
    }
    state->arrival += shift;
    limiter_.table().restore(*state);
    return true;
  };
  auto scanned = store_.kv().scan(Family::kMeta, kBucketPrefix, kBucketEnd, store::Kv::Direction::kForward, visit);
  if (unreadable > 0) log_.warning("limits: {} stored counters could not be read and begin anew", unreadable);
  return scanned;
}

void BucketStorage::commit(BucketChanges changes, UniqueFunction<void(Status)> done) {
  store::Transaction transaction;
  auto& batch = transaction.batch;
  // Removals first: a bucket that was forgotten may have been made again since.
  for (const auto& key : changes.forgotten) batch.remove(Family::kMeta, std::string{kBucketPrefix} + key);
  for (const auto& state : changes.changed) {
    batch.put(Family::kMeta, std::string{kBucketPrefix} + state.key, encode(state));
  }
  std::string now(1, kVersion);
  store::append_le(now, static_cast<std::uint64_t>(limiter_.timeline().now()));
  batch.put(Family::kMeta, std::string{kSavedAt}, std::move(now));
  auto committed = [this, changes = std::move(changes),
                    done = std::move(done)](Result<store::Committed> result) mutable {
    const Status status = result ? Status{} : Status{fail(result.error())};
    if (!status) limiter_.table().put_back(std::move(changes));
    note(status);
    done(status);
  };
  store_.commit(std::move(transaction), std::move(committed));
}

void BucketStorage::note(const Status& status) {
  if (!status) failures_.fetch_add(1, std::memory_order_relaxed);
  if (is_failing_.exchange(!status) == !status) return;
  if (status) {
    log_.info("limits: counters are stored again");
  } else {
    log_.warning("limits: counters cannot be stored and go on in memory: {}", status.error().message);
  }
}

void BucketStorage::save() {
  if (is_saving_.exchange(true)) return;
  auto changes = limiter_.table().take_changes(limiter_.timeline().now());
  if (changes.changed.empty() && changes.forgotten.empty()) {
    is_saving_ = false;
    return;
  }
  commit(std::move(changes), [this](const Status&) { is_saving_ = false; });
}

Status BucketStorage::save_and_wait() {
  auto changes = limiter_.table().take_changes(limiter_.timeline().now());
  std::promise<Status> ended;
  commit(std::move(changes), [&ended](Status status) { ended.set_value(std::move(status)); });
  return ended.get_future().get();
}

}  // namespace bulkhead::netpolicy

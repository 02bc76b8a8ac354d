#include "src/store/space_watch.h"

#include <fmt/format.h>

namespace bulkhead::store {

namespace {
constexpr std::int64_t kIntervalNs = 100'000'000;
}

SpaceWatch::SpaceWatch(Limits limits, FileSystem& files, const Clock& clock)
    : limits_(std::move(limits)),
      files_(files),
      clock_(clock),
      asked_at_(clock.steady().time_since_epoch().count() - kIntervalNs),
      free_(limits_.free_space_min) {}

Status SpaceWatch::check() const {
  const std::int64_t now = clock_.steady().time_since_epoch().count();
  std::int64_t asked_at = asked_at_.load(std::memory_order_acquire);
  // One thread asks, the others take the last answer.
  if (now - asked_at >= kIntervalNs && asked_at_.compare_exchange_strong(asked_at, now)) {
    const auto free = files_.free_space(limits_.directory);
    // A file system that cannot tell is not taken for a full one: a write will find out.
    free_.store(free ? *free : limits_.free_space_min, std::memory_order_release);
  }
  const std::uint64_t free = free_.load(std::memory_order_acquire);
  if (free >= limits_.free_space_min) return {};
  return fail(ErrorCode::kFull,
              fmt::format("the disk of {} has {} KiB free, less than the {} KiB that new mail needs", limits_.directory,
                          free >> 10, limits_.free_space_min >> 10),
              "free some space; mail is taken again at once");
}

void SpaceWatch::keep_reserve() {
  if (has_reserve_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock{mutex_};
  const auto free = files_.free_space(limits_.directory);
  if (!free || *free < limits_.free_space_min + reserve_size()) return;
  auto file = files_.open(reserve_path(), FileSystem::Mode::kReadWrite);
  if (!file) file = files_.open(reserve_path(), FileSystem::Mode::kCreateNew);
  if (!file) return;
  if ((*file)->preallocate(reserve_size())) {
    has_reserve_ = true;
  } else {
    [[maybe_unused]] const auto removed = files_.remove(reserve_path());
  }
}

void SpaceWatch::make_room_for_start() {
  const auto free = files_.free_space(limits_.directory);
  if (!free || *free >= reserve_size()) return;
  [[maybe_unused]] const auto removed = files_.remove(reserve_path());
}

bool SpaceWatch::release_reserve() {
  const std::lock_guard lock{mutex_};
  if (!has_reserve_.exchange(false)) return false;
  return files_.remove(reserve_path()).has_value();
}

}  // namespace bulkhead::store

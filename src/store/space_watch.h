// Whether there is room on the disk for new mail; and a little room put aside, so that mail can still be deleted.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "src/base/clock.h"
#include "src/store/file_system.h"

namespace bulkhead::store {

// Thread-safe.
class SpaceWatch {
 public:
  struct Limits {
    std::string directory;
    std::uint64_t free_space_min = 0;
  };
  SpaceWatch(Limits limits, FileSystem& files, const Clock& clock);

  // kFull with figures while less than the minimum is free. Asks the system at most every 100 ms.
  Status check() const;
  // Puts the reserve aside if there is room for it and more. A failure to do so is no error.
  void keep_reserve();
  // Gives the reserve up for what must still be written. False when there was none.
  bool release_reserve();
  // A start has something to write, too: when there is hardly any room, a reserve of an earlier life is given up.
  void make_room_for_start();

 private:
  std::string reserve_path() const { return limits_.directory + "/reserve"; }
  std::uint64_t reserve_size() const { return limits_.free_space_min / 4; }

  const Limits limits_;
  FileSystem& files_;
  const Clock& clock_;
  mutable std::atomic<std::int64_t> asked_at_;
  mutable std::atomic<std::uint64_t> free_;
  std::atomic<bool> has_reserve_{false};
  std::mutex mutex_;  // one keeps or releases at a time
};

}  // namespace bulkhead::store

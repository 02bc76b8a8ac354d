// The files of the blob log: their names, numbers and open descriptors, and which of them can be used again.
//
// Two kinds: shared segments ("0000000012.log") take the small bodies one after the other; a large body has a segment
// of its own ("0000000013.blob"). A number is given out once and never again, across restarts too: the caller keeps
// `reserved()` in the kv. Which segments hold anything is the caller's knowledge, too. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/log.h"
#include "src/store/file_system.h"

namespace bulkhead::store {

enum class SegmentKind : std::uint8_t { kShared, kOwn };

class SegmentFiles {
 public:
  struct Place {
    std::string directory;
    std::uint64_t segment_size = 0;
  };
  struct Segment {
    std::uint32_t number = 0;
    std::shared_ptr<File> file;
  };

  SegmentFiles(Place place, FileSystem& files, Log& log);

  // Looks through the directory. Files of `known` segments are kept; of the others, shared ones are recycled later
  // and own ones, bodies that were never committed, are removed. Numbers are given out from `next` on.
  Status load(const std::map<std::uint32_t, SegmentKind>& known, std::uint32_t next);

  // An empty shared segment, recycled if possible; its name is durable when this returns. A new file has its first
  // `room` bytes reserved on the disk, one that is recycled what it had.
  Result<Segment> create_shared(std::uint64_t room);
  Result<Segment> create_shared() { return create_shared(place_.segment_size); }
  // Whether a shared segment waits to be recycled.
  bool has_spare() const;
  // Makes `count` empty shared segments that are written already, to be recycled; for a store that is new.
  Status stock(std::size_t count);
  // A file for one large body; its name is durable after sync_directory().
  Result<Segment> create_own();
  Status sync_directory();
  // The file of a segment; the descriptors are cached. kNotFound when there is no such segment (any more).
  Result<std::shared_ptr<File>> open(std::uint32_t number);
  // Nobody holds anything in it any more: reads fail from now on, the file is used again or removed later.
  void retire(std::uint32_t number);
  // Removes what was retired, but for a few shared segments that wait to be recycled.
  Status reclaim();

  // Numbers below this may be given out; raised durably by the caller before they are used up.
  std::uint32_t reserved() const;
  void set_reserved(std::uint32_t reserved);
  std::uint32_t next() const;

  // Files that are there, retired ones included; and how many of them are shared segments.
  std::uint64_t count() const;
  std::uint64_t shared_count() const;
  // After a failed sync of the directory nobody knows which names are durable: final, as every failed sync.
  bool has_failed_sync() const { return has_failed_sync_.load(std::memory_order_relaxed); }

 private:
  struct Open {
    std::shared_ptr<File> file;
    std::uint64_t last_use = 0;
  };
  struct Retired {
    std::uint32_t number = 0;
    SegmentKind kind = SegmentKind::kShared;
    std::shared_ptr<File> file;  // null: nobody has it open
    bool is_unused() const { return file == nullptr || file.use_count() == 1; }
  };
  std::string path_of(std::uint32_t number, SegmentKind kind) const;
  Result<std::uint32_t> take_number();  // kFull: none is reserved
  Result<bool> recycle_into(std::uint32_t number);
  static bool is_spare(const Retired& retired) { return retired.kind == SegmentKind::kShared && retired.is_unused(); }
  void keep_open(std::uint32_t number, std::shared_ptr<File> file);  // under the lock

  const Place place_;
  FileSystem& files_;
  Log& log_;

  std::atomic<bool> has_failed_sync_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::uint32_t next_ = 1;
  std::uint32_t reserved_ = 0;
  std::uint64_t use_ = 0;
  std::unordered_map<std::uint32_t, SegmentKind> known_;
  std::map<std::uint32_t, Open> open_;  // bounded by kOpenMax and who reads
  std::vector<Retired> retired_;
};

}  // namespace bulkhead::store

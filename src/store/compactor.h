// Brings back the space of segments that are mostly dead: what lives in them is copied to a segment of copies, and one
// commit makes the copies the bodies and lets the old segment die.
//
// In the background, in rounds of bounded work. Until that commit nothing refers to the copies, so that whatever
// happens the work is begun again, or dropped; after it nothing but a row in the kv tells where the bodies are.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/store/blob_log.h"
#include "src/store/committer.h"
#include "src/store/copy_target.h"
#include "src/store/live_scan.h"
#include "src/store/store.h"

namespace bulkhead::store {

class Compactor {
 public:
  struct Limits {
    std::string directory;
    std::uint64_t segment_size = 0;
    std::uint64_t free_space_min = 0;
    CompactionLimits compaction;
  };
  struct Parts {  // all outlive the compactor
    BlobLog& blobs;
    Committer& committer;
    const Kv& kv;
    FileSystem& files;
    const Clock& clock;
    Log& log;
  };
  Compactor(Limits limits, Parts parts) : limits_(std::move(limits)), parts_(parts) {}

  // Trouble is in the log, where it is not the disk's being full: mail does not depend on compaction.
  void round();

  // Since start. Any thread.
  std::uint64_t segments() const { return segments_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    BlobLog::Sparse source;
    std::shared_ptr<File> file;
    LiveScan scan;
    CopyTarget target;
    bool is_scanned = false;
    std::vector<Relocation::Copy> copies = {};
    std::size_t next = 0;         // to be copied
    bool is_handed_over = false;  // to the committer
  };

  std::optional<BlobLog::Sparse> choose();
  bool has_room(const BlobLog::Sparse& source) const;
  bool begin();
  Status start_job(const BlobLog::Sparse& source);
  Status go_on(std::uint64_t& budget);
  Status copy_some(std::uint64_t& budget);
  Result<std::string> read_record(const Relocation::Copy& copy) const;
  Status finish();
  void abandon(const Error& error);
  void set_aside(const BlobLog::Sparse& source, const Error& error);

  const Limits limits_;
  Parts parts_;
  std::atomic<std::uint64_t> segments_{0};
  std::atomic<std::uint64_t> bytes_{0};

  std::mutex mutex_;  // one round at a time; guards what follows
  std::optional<Job> job_;
  std::map<std::uint32_t, SteadyTime> sparse_since_;  // of segments that are sparse now
  std::map<std::uint32_t, std::int64_t> set_aside_;   // those that cannot be compacted unless less than this lives
  SteadyTime rests_until_{};
  bool has_stopped_ = false;  // until a restart
};

}  // namespace bulkhead::store

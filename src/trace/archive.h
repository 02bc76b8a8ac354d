// The segments of the trace on disk, and the settling of events into them.
//
// One block: its events are read from the kv; the block is appended to the segment and synced; then one commit takes
// the events from the kv and moves the head past the block. A crash before that commit leaves the events in the kv
// and a block beyond the head, which the next one overwrites: no event is lost or doubled. Only events that were read
// are taken away: their numbers are dense, and the ranges removed are runs of numbers that are all in the block, so an
// older event whose commit is still under way stays, and goes into a later block.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/trace/archive_records.h"
#include "src/trace/segment.h"
#include "src/trace/trace.h"

namespace bulkhead::trace {

// Thread-safe; all but `segments` and the counts block on disk.
class Archive {
 public:
  struct World {
    store::Store& store;
    store::FileSystem& files;
    const Clock& clock;
    Log& log;
  };
  static Result<std::unique_ptr<Archive>> open(const Trace::Options& options, const World& world);

  // The number that the next event may take; above every one that was ever used.
  std::uint64_t first_free_sequence() const { return first_free_sequence_; }
  // `next_sequence` is above those of all events in the kv.
  Status settle(const std::atomic<std::uint64_t>& next_sequence);

  using Segments = std::vector<std::shared_ptr<const Segment>>;
  // Oldest first. Read the kv before: what is no longer there is in these.
  Segments segments() const;
  Head head() const;
  std::uint64_t unsettled() const { return unsettled_; }  // as of the last settling
  std::string directory() const { return directory_; }

 private:
  struct Waiting;
  Archive(const Trace::Options& options, const World& world, NodeKey key);
  Status start();
  Status start_first(const TraceRecords& records);
  Status open_segments(const TraceRecords& records);
  Status keep_lost_segments();
  Status remove_leftovers();
  Status number_events();
  Result<Waiting> collect(const std::string& from) const;
  bool is_due(const Waiting& waiting) const;
  Status settle_block(const Waiting& waiting, std::uint64_t next_sequence);
  Status rotate_if_due();
  Status begin_segment();
  Status expire();
  Status drop_oldest();

  const Trace::Options options_;
  const World world_;
  const NodeKey key_;
  const std::string directory_;
  std::uint64_t first_free_sequence_ = 1;
  std::atomic<std::uint64_t> unsettled_{0};

  std::mutex settling_;               // one settling at a time; guards the current segment and the anchor
  std::shared_ptr<Segment> current_;  // null when the next block begins a new one
  Anchor anchor_;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::shared_ptr<Segment>> segments_;
  Head head_;
};

}  // namespace bulkhead::trace

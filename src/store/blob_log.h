// The bodies: appended in groups, synced once a group, counted per segment so that dead segments are used again.
//
// The kv has the last word on what exists. The rows of Family::kBlob (blob_rows.h) change in the same batch as the
// metadata that refers to the bodies. What lies behind a segment's tail was never acknowledged, and the next append
// overwrites it.
//
// One thread (the committer) calls the functions of a group, in this order: place and release, as often as needed;
// relocate; write; sync; rows; then committed or rolled_back. The compactor looks on from another thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/store/blob_rows.h"
#include "src/store/blob_writer.h"
#include "src/store/kv.h"
#include "src/store/relocation.h"
#include "src/store/segment_files.h"

namespace bulkhead::store {

class BlobLog {
 public:
  struct Parts {  // all outlive the log
    FileSystem& files;
    const Kv& kv;
    Log& log;
  };
  static Result<std::unique_ptr<BlobLog>> open(SegmentFiles::Place place, Parts parts);

  // Gives the body a place; nothing of it may be referred to before write and sync. The writer outlives the group.
  // An error concerns this body alone.
  Result<BlobRef> place(LogBlobWriter& writer, std::uint32_t holders);
  // Counts a placed body as held, or takes one holder from an older one. Errors concern this body alone.
  void hold(const BlobRef& blob, std::uint32_t holders);
  Status release(const BlobRef& blob);
  // Makes copies that are on stable storage the bodies that they are copies of, and lets their old segment die; after
  // all releases of the group. A refusal changes nothing: kNotFound when the segment died meanwhile, kCorrupt when the
  // books do not say that those copies are all that lives in it.
  Status relocate(const Relocation& relocation);

  bool has_placed() const { return !appends_.empty() || !own_.empty(); }
  // An error concerns every body of the group; call rolled_back next.
  Status write();
  // An error is final: what the disk holds is unknown until a restart reads it again.
  Status sync();
  void rows(Batch& batch);
  void committed();
  void rolled_back();

  // For the compactor, from any thread.
  struct Sparse {
    std::uint32_t number = 0;
    SegmentRow row;
  };
  // Shared segments that nobody writes to any more and less than half of which lives, by their numbers.
  std::vector<Sparse> sparse() const;
  // The segment that copies go to, and its tail; number 0 when there is none.
  BlobPlace copy_target() const;
  // From now on the deaths in this segment are remembered for relocate; 0: of none any more.
  void watch(std::uint32_t segment);

  SegmentFiles& segments() { return segments_; }
  std::uint64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }
  // Whether no segment was ever begun.
  bool is_new() const { return table_.empty() && segments_.count() == 0; }
  // Of large bodies, which have files of their own.
  std::uint64_t own_bytes() const { return own_bytes_.load(std::memory_order_relaxed); }
  // What "n" must say after an orderly end, so that no number is skipped.
  void close_row(Batch& batch) const;

 private:
  struct Active {
    std::uint32_t number = 0;  // 0: none
    std::shared_ptr<File> file;
    std::uint64_t tail = 0;
    std::uint64_t prepared = 0;  // up to here the file is written, so that a sync changes neither size nor blocks
  };
  struct Append {
    Active at;               // tail: where the pieces go
    std::uint64_t size = 0;  // of all pieces
    std::vector<std::string_view> pieces;
  };

  BlobLog(SegmentFiles::Place place, Parts parts);
  Status recover();
  Status load_rows(std::map<std::uint32_t, SegmentKind>& known, std::uint32_t& next);
  void resume_target();
  Status resume_active();
  void check_active();
  Status make_room(std::uint64_t size);
  Result<BlobRef> place_own(LogBlobWriter& writer);
  Status bury(const BlobRef& blob);
  SegmentRow after_group(std::uint32_t number);
  bool goes(std::uint32_t number, const SegmentRow& row) const;
  std::vector<std::uint64_t> deaths_during_copy(std::uint32_t segment) const;
  void segment_rows(Batch& batch);
  void note_live(std::uint32_t number, const SegmentRow& row);
  void forget_group();

  const SegmentFiles::Place place_;
  Parts parts_;
  SegmentFiles segments_;
  Active active_;

  // Changed by the committer alone, under the lock; it reads them without.
  mutable std::mutex mutex_;
  std::map<std::uint32_t, SegmentRow> table_;
  std::set<std::uint32_t> sparse_;   // shared segments of the table, less than half of which lives
  std::uint32_t listed_active_ = 0;  // the active segment as of the last group
  std::uint32_t target_ = 0;         // the segment that copies go to, while it is in the table
  // Of any thread, under the lock.
  std::uint32_t watched_ = 0;
  std::vector<std::uint64_t> watched_deaths_;

  std::atomic<std::uint64_t> live_bytes_{0};
  std::atomic<std::uint64_t> own_bytes_{0};

  // Of the group that is being formed.
  Active active_before_;
  std::vector<std::uint32_t> opened_;  // shared segments begun in it
  std::vector<Append> appends_;
  std::vector<LogBlobWriter*> own_;
  std::map<std::uint32_t, std::int64_t> deltas_;                // live bytes by segment
  std::map<std::string, std::int64_t> holders_;                 // new values of the "h" rows
  std::map<std::uint32_t, std::vector<std::uint64_t>> deaths_;  // offsets by segment
  std::map<BlobPlace, std::optional<BlobPlace>> moves_;         // new values of the "m" rows; none: it goes
  std::map<std::uint32_t, std::uint64_t> copy_tails_;           // of segments that copies were written to
  std::uint32_t target_next_ = 0;                               // new value of target_, 0: unchanged
  std::uint32_t reserve_ = 0;                                   // new value of "n", 0: unchanged
  bool is_group_open_ = false;
};

}  // namespace bulkhead::store

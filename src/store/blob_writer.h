// A body on its way into the blob log: see BlobWriter. What is not part of that interface is the committer's.
#pragma once

#include <optional>
#include <string>

#include "src/store/record.h"
#include "src/store/segment_files.h"
#include "src/store/store.h"

namespace bulkhead::store {

class LogBlobWriter final : public BlobWriter {
 public:
  LogBlobWriter(SegmentFiles& files, std::uint64_t spill_at);
  ~LogBlobWriter() override;
  LogBlobWriter(const LogBlobWriter&) = delete;
  LogBlobWriter& operator=(const LogBlobWriter&) = delete;

  Status append(std::string_view bytes) override;
  std::uint64_t size() const override { return size_; }

  // A large body has a segment of its own already; a small one waits for a place in the shared one.
  bool has_own_segment() const { return own_.file != nullptr; }
  const SegmentFiles::Segment& own_segment() const { return own_; }
  // Small: the whole record for this place, valid as long as the writer lives.
  std::string_view record_at(std::uint32_t segment, std::uint64_t offset);
  // Small: the record, for whoever wants it after the commit.
  std::string take_record() { return std::move(buffer_); }
  // Large: writes what is still missing of the record; then it only needs to be synced.
  Status finish_own();
  // Large: the segment belongs to the log now.
  void adopted() { is_adopted_ = true; }

 private:
  Status spill();
  Status flush();

  SegmentFiles& files_;
  const std::uint64_t spill_at_;
  std::string buffer_;         // the record so far, or of a large body what is not written yet
  std::uint64_t written_ = 0;  // of a large body, header included
  std::uint64_t size_ = 0;
  std::uint32_t checksum_ = 0;  // of the body so far
  SegmentFiles::Segment own_;
  bool is_adopted_ = false;
  std::optional<Error> failure_;
};

}  // namespace bulkhead::store

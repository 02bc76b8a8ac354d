// What survives a power cut: bodies in the blob log, metadata in the kv, one grouped commit for both.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/result.h"
#include "src/base/unique_function.h"
#include "src/store/blob_ref.h"
#include "src/store/file_system.h"
#include "src/store/kv.h"

namespace bulkhead::store {

// A body on its way into the log. Small bodies are held in memory until the commit; one that grows past
// Options::spill_at goes to a segment of its own while it arrives, so that memory per session stays bounded.
// One thread at a time. Destroying it before the commit leaves nothing behind.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // kFull, kIo: the disk refuses; the body is lost, nothing acknowledged is. May block on a write past the spill.
  virtual Status append(std::string_view bytes) = 0;
  virtual std::uint64_t size() const = 0;
};

struct Blob {
  std::unique_ptr<BlobWriter> writer;
  std::uint32_t holders = 1;  // how many records of this transaction (and later ones) hold it; >1 makes it shared
};

// What one caller wants durable together.
struct Transaction {
  std::vector<Blob> blobs;
  Batch batch;
  std::vector<BlobRef> releases;  // one holder less each; the last one frees the bytes for reclamation
};

struct Committed {
  std::vector<BlobRef> blobs;  // in the order of Transaction::blobs
};

// A whole body in memory, shared with whoever else reads it; empty when it is not there.
struct SharedBody {
  std::shared_ptr<const std::string> owner;
  std::string_view bytes;
  explicit operator bool() const { return owner != nullptr; }
};

// The copying of what lives in segments that are mostly dead, so that their space comes back.
struct CompactionLimits {
  std::chrono::nanoseconds after = std::chrono::hours{1};  // a segment has been mostly dead for so long
  std::uint64_t bytes_per_round = 8ULL << 20;              // read and written in one round of reclaim; 0: never
};

struct StoreUsage {
  std::uint64_t bytes = 0;       // on disk, blob log and kv
  std::uint64_t live_bytes = 0;  // of blobs that somebody holds
  std::uint64_t segments = 0;
  std::uint64_t segments_compacted = 0;  // since start
  std::uint64_t compacted_bytes = 0;     // copied out of them, since start
  std::uint64_t commits = 0;             // transactions since start
  std::uint64_t groups = 0;              // grouped commits since start
  std::chrono::microseconds commit_latency_p50{0};
  std::chrono::microseconds commit_latency_p99{0};
  bool is_writable = true;  // false after a failed sync, or while the disk is full
  std::string trouble;      // why not, in words
};

class Store {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segment_size = 32ULL << 20;
    std::uint64_t spill_at = 256ULL << 10;
    std::uint64_t recent_bodies_max = 16ULL << 20;  // memory for bodies that were just committed
    // How many segments a new store writes whole before it takes anything, so that its first mail costs no more than
    // later mail, which finds segments to use again. Left out where the disk is small.
    std::size_t segments_in_stock = 0;
    std::uint64_t free_space_min = 64ULL << 20;  // below this nothing new is accepted (kFull), deletions still are
    CompactionLimits compaction = {};
  };
  // Opens or creates; recovers after a crash. kCorrupt and kIo name the file.
  static Result<std::unique_ptr<Store>> open(Options options, FileSystem& files, const Clock& clock, Log& log);
  virtual ~Store() = default;

  // Hands the transaction to the committer. `done` runs on the committer's thread, exactly once, after the group
  // that holds it is on stable storage, or with an error after which nothing of it will ever be visible:
  // kFull (disk), kUnavailable (an earlier sync failed: restart recovers), kCancelled (closing). Any thread.
  // Transactions of one thread commit in the order of their calls.
  virtual void commit(Transaction transaction, UniqueFunction<void(Result<Committed>)> done) = 0;

  virtual std::unique_ptr<BlobWriter> new_blob() = 0;
  // Whether anything can be made durable: an error is final, until a restart (an earlier sync failed, or close()).
  // A full disk is no such error. Any thread, cheap.
  virtual Status health() const { return {}; }
  // Whether new mail can be taken at all; checked before DATA so that a full disk answers 452 early. Any thread, cheap.
  virtual Status accepts_new() const = 0;
  // Reads `size` bytes of a body from `offset`. kCorrupt when a whole read fails its checksum. Blocks on disk.
  virtual Result<std::string> read_blob(const BlobRef& blob, std::uint64_t offset, std::uint64_t size) const = 0;
  // The body if it was committed a moment ago and is still in memory: no system call. Any thread, cheap.
  virtual SharedBody recent_body(const BlobRef&) const { return {}; }
  // Checks the record's checksum over the whole body; kCorrupt names segment and offset.
  virtual Status verify_blob(const BlobRef& blob) const = 0;

  virtual const Kv& kv() const = 0;
  virtual StoreUsage usage() const = 0;
  // One round of background work: compact mostly dead segments, unlink dead ones. Called by a timer on
  // the pool; waits for a commit at times, so never from a callback of one.
  virtual Status reclaim() = 0;
  // Waits for the commits that are under way, then refuses further ones. Idempotent.
  virtual void close() = 0;
};

}  // namespace bulkhead::store

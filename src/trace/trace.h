// The event log: append, search, follow, verify.
//
// An event that belongs to a commit rides in it: `encode_into` adds it to that transaction's batch, and it is durable
// when the commit is. Others are recorded with `record`, which is durable a moment later and never blocks the caller.
// In the background `settle` moves events from the kv into segments: compressed, indexed, chained and signed.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/result.h"
#include "src/store/store.h"
#include "src/trace/event.h"
#include "src/trace/query.h"

namespace bulkhead::trace {

// Thread-safe.
class Trace {
 public:
  struct Options {
    std::string directory;  // of the node's data: segments go to DIRECTORY/trace, the key to DIRECTORY/trace-key.pem
    std::size_t block_size = 256U << 10;             // of events before compression
    std::uint64_t segment_size = 32ULL << 20;        // a new segment begins after this
    std::chrono::seconds segment_age{24 * 60 * 60};  // or after this
    std::chrono::seconds settle_age{10 * 60};        // how long events wait for a block to be full
    std::chrono::seconds retention{0};               // whole segments go when older; 0: never
    std::chrono::milliseconds record_linger{100};    // how long `record` gathers company for a commit
    std::size_t record_buffer_max = 65'536;          // events that wait for it; further ones are lost and counted
  };
  // Everything that is passed outlives the trace. kCorrupt when the key or the head record is damaged; a damaged
  // segment is no error: it is logged, and what is left of it can be searched.
  static Result<std::unique_ptr<Trace>> open(Options options, store::Store& store, store::FileSystem& files,
                                             const Clock& clock, Log& log);
  static Result<std::unique_ptr<Trace>> open(const std::string& directory, store::Store& store,
                                             store::FileSystem& files, const Clock& clock, Log& log);
  virtual ~Trace() = default;

  // Any thread, no lock held long, no I/O. An event whose time is 1970 gets the present one. Text longer than 4 KiB is
  // cut. A batch may be committed later, again after a failure, or never.
  virtual void encode_into(store::Batch& batch, const Event& event) = 0;
  virtual void record(Event event) = 0;
  // After a commit with encoded events succeeded: lets followers see them. Cheap when nobody follows. What was
  // recorded is published by itself.
  virtual void publish(const Event& event) = 0;

  // Blocks on disk: call on the pool. At most kLimitMax events; a damaged block is logged, counted and left out. With
  // no tenant in the query it crosses tenants: a tenant's administrator always gets one that names his.
  static constexpr std::size_t kLimitMax = 100'000;
  virtual Result<std::vector<Event>> search(const Query& query) const = 0;
  // Oldest first, all events of one message, whatever tenant's. For one tenant's eyes: the second form.
  virtual Result<std::vector<Event>> of_message(const MessageId& id) const = 0;
  virtual Result<std::vector<Event>> of_message(const TenantId& tenant, const MessageId& id) const = 0;
  // `on_event` runs on an arbitrary thread for each new event that matches, until the subscription dies; when that
  // has happened no call is under way any more. It must not block.
  virtual std::shared_ptr<void> follow(Query query, std::function<void(const Event&)> on_event) = 0;

  struct Verification {
    std::uint64_t blocks = 0, events = 0;
    std::vector<std::string> faults;  // each names segment, block and what is wrong
  };
  // Reads every block. Events that are not yet settled are not part of the chain.
  virtual Result<Verification> verify() const = 0;
  // Moves what rode in commits into segments, and drops segments beyond retention; called by a timer on the pool,
  // every few seconds. It does little until a block is full or its oldest event old.
  virtual Status settle() = 0;
  // Waits until everything recorded before is durable. kFull, kUnavailable …: it is not yet, and goes on trying.
  virtual Status flush() = 0;
  // Makes durable what was recorded; refuses further events. Call it before the store is closed. Idempotent.
  virtual void close() = 0;

  struct Usage {
    std::uint64_t events = 0;                                    // encoded or recorded since the start
    std::vector<std::pair<EventKind, std::uint64_t>> by_kind{};  // of these; only kinds that there are
    std::uint64_t dropped = 0;                                   // recorded and lost
    std::uint64_t unsettled = 0;                                 // in the kv at the last settling
    std::uint64_t bytes = 0;                                     // of segments and their indexes
    std::uint64_t segments = 0;
    std::uint64_t damaged_blocks = 0;  // met by searches
  };
  virtual Usage usage() const = 0;
};

}  // namespace bulkhead::trace

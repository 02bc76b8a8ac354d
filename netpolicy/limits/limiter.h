// What a submission may use of every limit that it falls under: its account's, its tenant's, those of the resellers
// above, and that of the source address that it came in on. All are reserved before it is accepted, or none.
//
// No recipient is exempt, and the first message of a bucket counts like any. Thread-safe, without a lock over all.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "netpolicy/limits/bucket_table.h"
#include "netpolicy/limits/timeline.h"
#include "src/base/ip_address.h"
#include "tenants/live_directory.h"

namespace bulkhead::netpolicy {

// Which bucket a measure of a subject has.
std::string bucket_key(tenants::LimitScope scope, tenants::Measure measure, std::string_view subject);

struct Amount {
  std::uint64_t messages = 0, recipients = 0, bytes = 0;
  std::uint64_t of(tenants::Measure measure) const {
    return measure == tenants::Measure::kMessages     ? messages
           : measure == tenants::Measure::kRecipients ? recipients
                                                      : bytes;
  }
};

// What was reserved and is not yet used. Given back when it dies, unless keep() was called. Movable; one thread.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { give_back(); }

  void keep() { grants_.clear(); }  // it was used
  void give_back();
  bool is_empty() const { return grants_.empty(); }

 private:
  friend class Limiter;
  struct Grant {
    BucketPtr bucket;
    Slot slot;
  };
  // Joined to what was reserved from the same bucket before, as if it had lain right behind that: what is given back of
  // both is then rather too little than too much.
  void add(Grant grant);

  BucketTable* table_ = nullptr;
  const Timeline* timeline_ = nullptr;
  std::vector<Grant> grants_;
};

// A limit that stands in the way.
struct LimitHit {
  tenants::LimitScope scope = tenants::LimitScope::kAccount;
  tenants::Measure measure = tenants::Measure::kMessages;
  tenants::Rate rate;
  std::string holder;                // "account anna@acme.example", "tenant acme", "address 192.0.2.10"
  std::optional<UtcTime> passes_at;  // nothing: it asks for more than the limit ever allows at once

  // "limit of 500/1h messages of account anna@acme.example"
  std::string text() const;
};

struct Admission {
  std::optional<LimitHit> hit;        // refused by, or paced by
  std::optional<UtcTime> not_before;  // paced: accepted, and may go then
  bool is_refused() const { return hit && !not_before; }
};

class Limiter {
 public:
  // Paced mail waits at most so long; what would wait longer is refused.
  static constexpr std::chrono::hours kPaceMax =
      std::chrono::duration_cast<std::chrono::hours>(std::chrono::nanoseconds{kPaceTicksMax});

  explicit Limiter(const Clock& clock, std::size_t buckets_max = BucketTable::kBucketsMax);

  struct Payer {
    const tenants::Snapshot& directory;
    const tenants::Account& account;
    IpAddress arrival;
  };
  // Adds `amount` to what `reservation` holds. Over a limit it does as the payer's tenant chose: refused, then nothing
  // was added; or paced.
  Admission reserve(Reservation& reservation, const Payer& payer, const Amount& amount);

  // Paced mail is gone before its time: what it reserved behind what may go at once, of each limit, is free again. What
  // was accepted after it keeps its time.
  void give_back_paced(const Payer& payer, const Amount& amount);

  // How much is used now, for lists.
  struct Usage {
    std::uint64_t used = 0;
    std::optional<UtcTime> free_at;  // when nothing is used any more; nothing when that is now
  };
  Usage usage(tenants::LimitScope scope, tenants::Measure measure, std::string_view subject,
              const tenants::Rate& rate) const;

  // Mail that was accepted over a limit, as its message keeps it.
  struct Paced {
    std::string_view reason;  // LimitHit::text()
    UtcTime queued_at;
    UtcTime not_before;
  };
  // When it may go by the limits of now: as it was said while the limit is the same; sooner or later when its rate is
  // another; nothing, so at once, when the limit is gone or the tenant does not pace any more.
  static std::optional<UtcTime> repaced(const Payer& payer, const Paced& paced, UtcTime now);

  // What an account of this age is held to.
  static tenants::Plan plan_of(const tenants::Snapshot& directory, const tenants::Account& account, UtcTime now);

  struct Count {
    tenants::LimitScope scope;
    tenants::Measure measure;
    std::uint64_t refused, paced;
  };
  std::vector<Count> counts() const;  // since the start, for the metrics
  BucketTable& table() { return table_; }
  const Timeline& timeline() const { return timeline_; }

 private:
  struct Ceiling;
  class Ceilings;

  LimitHit worst_of(const Ceilings& ceilings, const Payer& payer, const Amount& amount, Ticks wait_max);
  void count(const LimitHit& hit, bool is_refused);

  struct Counter {
    std::atomic<std::uint64_t> refused{0}, paced{0};
  };
  const Clock& clock_;
  Timeline timeline_;
  BucketTable table_;
  std::array<std::array<Counter, tenants::kMeasures>, tenants::kLimitScopes> counters_;
};

}  // namespace bulkhead::netpolicy

// How much of a rate is used up: the generic cell rate algorithm, exact in nanoseconds.
//
// A bucket is one number, the theoretical arrival time: when everything that was taken so far will have come back.
// Taking n moves it n × period / count into the future; it may lie at most burst × period / count ahead of now. It is
// changed by compare-and-swap, so that any number of threads share a bucket without a lock, and none takes what
// another has taken. See ITU-T I.371 §A; a count of messages takes the place of cells.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "tenants/rate.h"

namespace bulkhead::netpolicy {

// Nanoseconds of the limiter's own time, see timeline.h.
using Ticks = std::int64_t;
// Nobody is made to wait longer than a day for what others have taken beyond a burst.
inline constexpr Ticks kPaceTicksMax = 24LL * 3600 * 1'000'000'000;

// A rate as arithmetic. The rate is not unlimited.
class Meter {
 public:
  explicit Meter(const tenants::Rate& rate);
  Ticks cost(std::uint64_t amount) const;         // rounded down, so that `burst` single ones always fit; at least 1
  Ticks tolerance() const { return tolerance_; }  // how far a bucket may be ahead of now
  std::uint64_t amount(Ticks ahead) const;        // what being so far ahead stands for, rounded up
  bool can_ever_hold(std::uint64_t amount) const { return cost(amount) <= tolerance_; }

 private:
  __extension__ using Wide = unsigned __int128;
  Wide period_;
  Wide count_;
  Ticks tolerance_;
};

// How far ahead of now a bucket is that was so far ahead at another rate: what is used stays used, up to the new burst,
// and what was taken beyond the burst (mail that is paced) stays taken, at the new rate.
Ticks at_new_rate(const Meter& before, const Meter& after, Ticks ahead);

// What a reservation has taken from a bucket: a piece of its time.
struct Slot {
  Ticks start = 0;
  Ticks cost = 0;
  Ticks end() const { return start + cost; }
};

class Bucket {
 public:
  explicit Bucket(Ticks arrival = 0) : arrival_(arrival) {}

  // Takes `amount` if it fits now, all or nothing.
  std::optional<Slot> reserve(const Meter& meter, std::uint64_t amount, Ticks now);
  // Takes `amount` whatever is ahead of it, up to `wait_max` of waiting. It may go at paced_at(meter, slot).
  std::optional<Slot> reserve_paced(const Meter& meter, std::uint64_t amount, Ticks now, Ticks wait_max);
  static Ticks paced_at(const Meter& meter, const Slot& slot) { return slot.end() - meter.tolerance(); }
  // Takes `amount` whatever is ahead of it, more than the burst, too: whoever comes next waits until it has come back.
  Slot owe(const Meter& meter, std::uint64_t amount, Ticks now);
  // Undoes a reservation. What of it has come back by itself meanwhile is not given twice: afterwards the bucket is
  // as if the reservation had never been made.
  void give_back(const Slot& slot, Ticks now);

  // When `amount` will fit if nobody else comes first; not after `now`: it fits now.
  Ticks fits_at(const Meter& meter, std::uint64_t amount, Ticks now) const;
  // Gives back the cost of what was to go later than the burst lets go now; no more than lies ahead of that.
  void give_back_paced(const Meter& meter, std::uint64_t amount, Ticks now);
  std::uint64_t used(const Meter& meter, Ticks now) const;
  bool is_full(Ticks now) const { return arrival() <= now; }  // nothing is taken: it need not be remembered

  Ticks arrival() const { return arrival_.load(std::memory_order_acquire); }
  // For a new rate, or a start: what is ahead of now becomes `ahead`. Not while others reserve.
  void set_ahead(Ticks now, Ticks ahead) { arrival_.store(now + ahead, std::memory_order_release); }

 private:
  std::optional<Slot> take(Ticks cost, Ticks now, Ticks ahead_max);
  std::atomic<Ticks> arrival_;
};

}  // namespace bulkhead::netpolicy

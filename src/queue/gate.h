// What may stand between the queue and more work: limits on connections and on rates.
//
// The queue asks before a lane gets one more worker, and before a delivery is handed out. A "no" uses no attempt and
// loses nothing: the lane, or one account's mail in it, waits, and `queue why` shows the reason. Implementations live
// where limits are known; the queue without one allows everything.
//
// Called on any shard, by several at once, on the hot path: answer from memory, wait for nothing, throw nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/queue/job.h"

namespace bulkhead::queue {

// How the text of a pause for the sake of Message::not_before begins.
inline constexpr std::string_view kPaced = "paced: ";

// Why something waits and for how long. The text is a sentence for people; the code is one word ("limit", …).
struct Pause {
  enum class Scope : std::uint8_t {
    kLane,     // everything of tenant × arrival × site
    kAccount,  // this account's mail in that lane (without an account: that of the client's address)
    kPart,     // of that mail only what belongs to `part`: it leaves the account's line for one of its own
  } scope = Scope::kLane;
  std::chrono::microseconds wait{0};  // from now; asked again after it
  std::string code;
  std::string text;
  std::string part = {};  // kPart: a sender's domain
};

// A lane that wants one more worker.
struct StartRequest {
  const LaneKey& lane;
  std::uint32_t workers = 0;  // it has already
  std::uint32_t backlog = 0;  // deliveries that are due now
};

struct StartAnswer {
  bool is_allowed = true;
  // Not allowed: the lane is asked about again after the wait. Without a pause it keeps its turn and is asked about
  // again when a worker ends, and every 100 ms: the answer for "all places are taken".
  std::optional<Pause> pause;
};

// A delivery that is about to be handed out, its message loaded.
struct HandOut {
  const LaneKey& lane;
  const Message& message;
  std::uint16_t recipients = 0;         // that are still pending in this delivery
  std::optional<UtcTime> not_before{};  // paced mail: when it may go by the limits of now
};

// What a hand-out has taken of limits. The queue keeps it as long as the delivery is handed out. Any shard.
class Grant {
 public:
  virtual ~Grant() = default;
  virtual void give_back() = 0;  // it was not tried; once at most
};

// Without a pause it goes now. Null: nothing had to be taken for that.
struct GoAnswer {
  std::optional<Pause> pause = {};
  std::unique_ptr<Grant> grant = {};
};

class Gate {
 public:
  virtual ~Gate() = default;

  // "Allowed" takes a place, which worker_ended gives back.
  virtual StartAnswer may_start(const StartRequest&) { return {}; }
  virtual void worker_ended(const LaneKey&) {}
  // Whether a worker of the lane should end instead of taking its next job, because lanes of other tenants wait for a
  // place at the same site and this lane has more than its share, or has had its turn. Asked before each job; a yes
  // makes one worker end. Not so `is_ahead`, when a worker that has a job looks for the next: it asks again after it.
  virtual bool must_yield(const LaneKey&, bool /*is_ahead*/) { return false; }
  virtual GoAnswer may_go(const HandOut&) { return {}; }
  // Somebody wants the lane's mail tried now: a pause because its site did not answer ends, and is not learned from.
  virtual void try_again(const LaneKey&) {}
};

}  // namespace bulkhead::queue

// Puts restrictions on the board: those of senders at once, those of clients as often as their number allows.
//
// Each picture of the clients is a copy of all of them, for nobody may wait for the loop on the way of mail. Guessers
// come by the ten thousand; so that these copies stay a small part of the shard's time, they come the rarer, the more
// clients there are.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "monitoring/reputation/restrictions.h"
#include "src/base/clock.h"

namespace bulkhead::app {

// Not thread-safe.
class RestrictionPublisher {
 public:
  static constexpr std::chrono::milliseconds kGapLeast{100};
  static constexpr std::chrono::microseconds kGapPerClient{10};  // some fifty times what copying one takes

  RestrictionPublisher(reputation::RestrictionBoard& board, const Clock& clock) : board_(board), clock_(clock) {}

  void put(const reputation::Key& key, reputation::Restriction restriction);
  void take_off(const reputation::Key& key);
  // Publishes what has changed. Some changes of clients may have to wait: how long, for the next call.
  std::optional<std::chrono::milliseconds> publish();
  bool has_waiting() const { return has_new_clients_; }

 private:
  reputation::RestrictionBoard& board_;
  const Clock& clock_;
  reputation::RestrictionMap senders_, clients_;
  std::shared_ptr<const reputation::RestrictionMap> published_senders_, published_clients_;
  bool has_new_senders_ = false, has_new_clients_ = false;
  std::optional<SteadyTime> clients_not_before_;
};

}  // namespace bulkhead::app

// Which event goes to which endpoint next, and when again after a failure. Pure: knows numbers, not contents.
//
// An endpoint's events are numbered and go one after the other; each is tried up to ten times, then the next has its
// turn. At most 10,000 wait for an endpoint: the oldest makes room. Memory is the same for any number of events. Not
// thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/random.h"

namespace bulkhead::webhook {

// Whose endpoint it is; nil: the operator's.
using EndpointId = TenantId;

// One post to be made.
struct Turn {
  EndpointId endpoint;
  std::uint64_t number = 0;
  std::uint64_t life = 0;  // of the endpoint: it may be set anew while a post is under way
};

enum class Outcome {
  kTaken,    // 2xx
  kFailed,   // to be tried again
  kGone,     // 410: it wants no more
  kMissing,  // there is no such event any more
};

struct EndpointView {
  std::uint64_t waiting = 0;
  std::uint32_t failures = 0;  // in a row
  bool is_off = false;         // it answered 410
  std::string trouble;         // of the last failure, until one is taken
  std::optional<UtcTime> failing_since;
  std::optional<SteadyTime> next_at;  // while it fails
};

class Plan {
 public:
  static constexpr std::uint64_t kWaitingMax = 10'000;
  static constexpr std::array<std::chrono::seconds, 9> kGaps{
      std::chrono::seconds{5}, std::chrono::minutes{5}, std::chrono::minutes{30},
      std::chrono::hours{2},   std::chrono::hours{5},   std::chrono::hours{10},
      std::chrono::hours{14},  std::chrono::hours{20},  std::chrono::hours{24}};

  Plan(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  // There is such an endpoint from now on. One that is there already keeps what waits and begins anew, at once.
  void open(const EndpointId& id);
  void close(const EndpointId& id);
  void switch_off(const EndpointId& id);
  bool takes(const EndpointId& id) const;  // it is there, and not switched off

  // An event of an earlier life.
  void restore(const EndpointId& id, std::uint64_t number);
  struct Place {
    std::uint64_t number = 0;
    std::optional<std::uint64_t> dropped;  // to make room
  };
  std::optional<Place> add(const EndpointId& id);  // nothing: takes() is false
  // Numbers are stored in their order; only then they are due.
  void stored(const EndpointId& id, std::uint64_t number);

  // Not more than `most`; each endpoint has one at a time, and endpoints take turns.
  std::vector<Turn> take_due(std::size_t most);
  SteadyTime next_time() const;
  enum class Verdict { kRemove, kGivenUp, kAgain, kSwitchedOff };  // given up: to be removed too
  Verdict done(const Turn& turn, Outcome outcome, std::string trouble);

  std::optional<EndpointView> view(const EndpointId& id) const;
  std::uint64_t waiting() const;
  std::uint64_t failing() const;

 private:
  struct Endpoint {
    std::uint64_t first = 1, stored = 1, next = 1;  // [first, stored) may go, [stored, next) are being stored
    std::uint64_t life = 0;
    std::uint32_t attempts = 0;  // of the first
    SteadyTime due{};
    bool is_busy = false;
    EndpointView view;

    bool is_due(SteadyTime now) const { return first < stored && !is_busy && !view.is_off && due <= now; }
  };
  void advance(Endpoint& endpoint);
  SteadyTime again_at(std::uint32_t attempts);

  const Clock& clock_;
  Random& random_;
  std::map<EndpointId, Endpoint> endpoints_;
  std::uint64_t last_life_ = 0;
  EndpointId last_turn_;
};

}  // namespace bulkhead::webhook

// Asks the lists about our source addresses and domains, and tells what changed.
//
// A driver around listings::Watch: sends its questions over a resolver, at most kQuestionsMax at once, records
// transitions in the trace, counts them, keeps what is believed in the store, and calls on_transition. Lives on one
// shard; questions of people come on any thread, behind a lock that is held shortly.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "monitoring/listings/watch.h"
#include "monitoring/metrics.h"
#include "src/admin/monitor.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

class ListingMonitor {
 public:
  struct Parts {  // all outlive it
    net::Shard& shard;
    net::Resolver& resolver;  // of the shard
    tenants::LiveDirectory& directory;
    store::Store& store;
    trace::Trace& trace;
    monitoring::Metrics& metrics;
    const Clock& clock;
    Random& random;
    Log& log;
    std::function<void(const listings::Transition&)> on_transition{};  // on the shard; may be empty
  };
  static constexpr std::size_t kQuestionsMax = 32;
  static constexpr std::size_t kAskersMax = 4;  // people at once, beyond that; each asks one question after the other

  explicit ListingMonitor(Parts parts) : parts_(std::move(parts)), watch_(parts_.clock, parts_.random) {}

  // What was believed before; blocks. Settings first.
  Status restore();
  void set(listings::WatchSettings settings);  // any thread
  // One turn: follows the directory, sends what is due into `group`, stores what changed. On the shard. When to come
  // again.
  SteadyTime turn(net::TaskGroup& group);

  bool asks(std::string_view zone) const;  // whether it is one of those that are asked here
  // A remote server says that a list names one of ours. Counted; recorded too when `is_told`. False: the zone is one
  // that is asked here, which says for itself what it lists. On the shard.
  bool hear(const listings::Transition& said, bool is_told);

  std::vector<listings::ListingView> listings() const;
  std::vector<listings::ListingView> listings_of(const listings::Subject& subject) const;
  std::vector<listings::ZoneView> zones() const;
  Task<Result<std::vector<admin::Monitor::ZoneAnswer>>> ask_zones(listings::Subject subject);  // on the shard

 private:
  Task<void> ask(listings::Question question, net::TaskGroup& group);
  // Nothing: our own resolver did not send the question, which says nothing about the zone.
  Task<std::optional<listings::Answer>> answer_to(std::string name);
  void follow_directory();
  void take(const std::vector<listings::Transition>& transitions);
  void record(const listings::Transition& transition);
  bool may_ask_again(const listings::Subject& subject);

  const Parts parts_;
  mutable std::mutex mutex_;  // of watch_
  listings::Watch watch_;
  std::vector<listings::Transition> untold_;  // of set(), under mutex_
  std::uint64_t version_ = 0;                 // of the directory's snapshot that is watched
  SteadyTime followed_at_{};
  std::size_t open_questions_ = 0;
  std::size_t askers_ = 0;
  std::map<listings::Subject, SteadyTime> asked_at_;  // by people
};

}  // namespace bulkhead::app

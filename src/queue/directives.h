// The directives of a queue: takes orders one after the other, keeps them in the store, tells every shard, and ends
// those that have nothing more to do. Lives on the first shard; `give` and `list` may be called on any.
#pragma once

#include <coroutine>
#include <map>
#include <vector>

#include "src/queue/core.h"
#include "src/queue/listing.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

class Directives {
 public:
  explicit Directives(Core& core) : core_(core) {}

  // Reads what is in force from the store, before any mail is taken or loaded. Blocks on the disk; before start.
  Status restore();
  // Ends what is done, once in a while. On the first shard, until the queue stops.
  Task<void> keep_tidy();

  Task<Result<DirectiveAnswer>> give(net::Shard& shard, DirectiveOrder order);
  Task<std::vector<DirectiveView>> list(net::Shard& shard);

 private:
  // One order at a time: each decides on what the one before it has left.
  class Turn {
   public:
    explicit Turn(Directives& directives) : directives_(directives) {}
    bool await_ready() { return !std::exchange(directives_.is_busy_, true); }
    void await_suspend(std::coroutine_handle<> waiting) { directives_.waiting_.push_back(waiting); }
    void await_resume() const {}

   private:
    Directives& directives_;
  };
  void end_turn();

  // What changes with an order.
  struct Change {
    std::vector<Directive> next;   // in force afterwards
    std::vector<Directive> ended;  // no more in force
    bool is_kept = true;           // the order itself is
  };
  Change change_for(const Directive& directive) const;
  static void drop_idle_releases(Change& change, std::uint32_t newest);
  Task<Result<DirectiveAnswer>> end_one(net::Shard& shard, DirectiveId id, std::string by);
  Task<Result<DirectiveAnswer>> end_in_turn(DirectiveId id, std::string by);
  static Status has_room(const Change& change, std::string_view peers);
  Task<Result<DirectiveAnswer>> give_in_turn(Directive directive, std::string peers);
  Task<void> accepted_before(std::uint32_t number);
  Task<bool> drop_void(const Directive& directive);
  Task<Result<DirectiveAnswer>> try_out(net::Shard& shard, DirectiveOrder order);
  Task<Result<DirectiveAnswer>> end_future(Directive directive, std::string by, std::uint64_t left);
  Task<Status> commit(Change change, std::optional<Directive> kept, std::uint32_t epoch);
  Task<void> publish(std::vector<Directive> next, const Directive* counted, DirectiveAnswer* answer);
  Task<void> count_by_sweep(const Directive& directive, DirectiveAnswer& answer);
  Task<Tally> tally_of(std::uint64_t key);
  void note_meant(std::uint32_t number, const DirectiveAnswer& answer);
  Task<DirectiveProgress> progress_of(std::uint32_t number);
  Task<bool> is_accepting_before(std::uint32_t number);
  Task<void> end_finished();
  Task<void> end(Directive directive, DirectiveProgress progress);
  void record(const Directive& directive, trace::EventKind kind, std::string detail);
  bool may_end(const Directive& directive) const;

  Core& core_;
  std::vector<Directive> in_force_;           // in order of their numbers
  std::map<std::uint32_t, int> looked_over_;  // finite ones that were idle when the last sweep began
  std::uint64_t generation_ = 0;              // of in_force_
  bool is_busy_ = false;
  std::vector<std::coroutine_handle<>> waiting_;
};

}  // namespace bulkhead::queue

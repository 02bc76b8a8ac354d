// Keeps the queue's orders as the states of accounts and tenants want them: one hold for each that is in quarantine,
// and no other. A tenant's holds what its accounts have handed in, not what it receives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitoring/cases/case.h"
#include "monitoring/reputation/key.h"
#include "src/base/log.h"
#include "src/queue/queue.h"

namespace bulkhead::app {

// Between two looks whether what is under way, a commit or an order, is done.
inline constexpr std::chrono::milliseconds kSettleLook{5};

// On the loop's shard. What is wanted is compared with what is in force, so that a crash between a state and its order
// heals at the start, and an order that could not be given is given later.
class ReputationHolds {
 public:
  struct Wanted {
    cases::CaseId case_id;  // names the order: "reputation 01J…"
    TenantId tenant;
    std::string name;  // of the account: its address; of the tenant
  };

  ReputationHolds(net::Shard& shard, Log& log) : shard_(shard), log_(log) {}
  void connect(queue::Queue& queue) { queue_ = &queue; }

  // Whether an order holds all that ours would, now and later.
  static bool holds_all(const queue::Directive& directive, const queue::Selector& ours);
  // Of an account or a tenant; other keys have no orders.
  static bool has_order(const reputation::Key& key);
  void want(const reputation::Key& key, Wanted wanted);
  void unwant(const reputation::Key& key);
  // Gives and ends what is missing and too much. Another call while one is under way does nothing.
  Task<void> enforce();
  bool is_settled() const { return !is_dirty_; }

 private:
  Task<bool> look_up();
  Task<bool> give(reputation::Key key, Wanted wanted);
  Task<bool> end(queue::DirectiveId id);

  net::Shard& shard_;
  Log& log_;
  queue::Queue* queue_ = nullptr;
  std::map<reputation::Key, Wanted> wanted_;
  std::map<reputation::Key, queue::DirectiveId> given_;  // nil: held by a person's order already
  std::vector<queue::DirectiveId> surplus_;              // of an earlier life
  bool has_looked_ = false;
  bool is_dirty_ = true;
  bool is_busy_ = false;
};

}  // namespace bulkhead::app

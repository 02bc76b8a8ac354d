// Keeps the queue's orders as the states of accounts want them: one hold for each account in quarantine, and no other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitoring/cases/case.h"
#include "src/base/log.h"
#include "src/queue/queue.h"

namespace bulkhead::app {

// On the loop's shard. What is wanted is compared with what is in force, so that a crash between a state and its order
// heals at the start, and an order that could not be given is given later.
class ReputationHolds {
 public:
  struct Wanted {
    cases::CaseId case_id;  // names the order: "reputation 01J…"
    TenantId tenant;
    AccountId account;
    std::string address;
  };

  ReputationHolds(net::Shard& shard, Log& log) : shard_(shard), log_(log) {}
  void connect(queue::Queue& queue) { queue_ = &queue; }

  void want(const AccountId& account, Wanted wanted);
  void unwant(const AccountId& account);
  // Gives and ends what is missing and too much. Another call while one is under way does nothing.
  Task<void> enforce();
  bool is_settled() const { return !is_dirty_; }

 private:
  Task<bool> look_up();
  Task<bool> give(Wanted wanted);
  Task<bool> end(queue::DirectiveId id);
  bool is_held_by_others(const Wanted& wanted, const std::vector<queue::DirectiveView>& in_force) const;

  net::Shard& shard_;
  Log& log_;
  queue::Queue* queue_ = nullptr;
  std::map<AccountId, Wanted> wanted_;
  std::map<AccountId, queue::DirectiveId> given_;  // nil: held by a person's order already
  std::vector<queue::DirectiveId> surplus_;        // of an earlier life
  bool has_looked_ = false;
  bool is_dirty_ = true;
  bool is_busy_ = false;
};

}  // namespace bulkhead::app

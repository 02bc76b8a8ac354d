// What finds out who does harm, and acts: the rules that read replies, the reputation loop, the lists and the readiness
// of addresses, what recipients report, and the mails that tell people.
//
// Opened after the foundation and before the queue, which asks it; told of the queue by connect(), before anything
// runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "src/app/address_monitor.h"
#include "src/app/feedback_desk.h"
#include "src/app/foundation.h"
#include "src/app/notifier.h"
#include "src/app/reply_rules.h"
#include "src/app/reputation_loop.h"
#include "src/app/webhooks.h"

namespace bulkhead::app {

class Oversight {
 public:
  using EndSessions = std::function<void(TenantId, AccountId)>;
  // `foundation` outlives it. `end_sessions` ends those of an account, or of a whole tenant with a nil one; it is
  // called on the first shard.
  Oversight(Foundation& foundation, EndSessions end_sessions)
      : foundation_(foundation), end_sessions_(std::move(end_sessions)) {}

  // Restores what was known. Blocks.
  Status open(const Configuration& configuration);
  void connect(queue::Queue& queue, const Configuration& configuration);
  // Of who is told of what, while the runtime runs; an error leaves the webhook as it was. Blocks.
  Status change(const Configuration::Notify& settings);
  // Spawns what runs all the time. On the first shard.
  void start(net::TaskGroup& group);
  void directory_changed() { monitor_->directory_changed(); }  // any thread
  Task<void> save();  // stores what has changed lately; on the first shard, at the end

  ReputationLoop& reputation() { return *reputation_; }
  const ReplyRules& reply_rules() const { return *reply_rules_; }
  const replies::RuleBook& rule_book() const { return rule_book_; }
  const reputation::RestrictionBoard& restrictions() const { return restrictions_; }
  FeedbackDesk& feedback() { return *feedback_; }
  AddressMonitor& monitor() { return *monitor_; }
  Webhooks& webhooks() { return *webhooks_; }
  void stop() { webhooks_->stop(); }  // what has a thread of its own; blocks

 private:
  Status open_reputation(const Configuration& configuration);
  Status open_monitor(const Configuration& configuration);
  Status open_webhooks(const Configuration& configuration);
  template <class Change>
  void tell_webhooks(const Change& change);
  void tell(std::optional<reputation::Report> report);
  void hear(const NamedListing& named);

  Foundation& foundation_;
  const EndSessions end_sessions_;
  replies::RuleBook rule_book_;
  std::unique_ptr<ReplyRules> reply_rules_;
  reputation::RestrictionBoard restrictions_;
  std::unique_ptr<ReputationLoop> reputation_;
  std::unique_ptr<FeedbackDesk> feedback_;
  std::unique_ptr<AddressMonitor> monitor_;
  std::unique_ptr<Notifier> notifier_;
  std::unique_ptr<Webhooks> webhooks_;
  std::string node_name_;
};

}  // namespace bulkhead::app

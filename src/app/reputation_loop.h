// The closed loop: what shards report is counted, what is decided is carried out, kept and shown.
//
// Lives on one shard. Shards hand reports over through outboxes; servers look restrictions up on the board. Nothing on
// the way of mail waits for it. What it decides takes effect in this order: the board (at once), the sessions, the
// store (records and case in one commit), the queue's order. A crash between any two heals at the start, as the stored
// states say what the board and the orders must be.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "monitoring/cases/case_book.h"
#include "monitoring/replies/rule_book.h"
#include "monitoring/replies/rule_tally.h"
#include "monitoring/reputation/known_networks.h"
#include "monitoring/reputation/recent_clients.h"
#include "monitoring/reputation/restrictions.h"
#include "src/admin/reputation_desk.h"
#include "src/app/hearsay.h"
#include "src/app/reputation_holds.h"
#include "src/app/reputation_outbox.h"
#include "src/app/reputation_policies.h"
#include "src/app/restriction_publisher.h"
#include "src/app/unsaved_rows.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

class ReputationLoop final : public admin::ReputationDesk {
 public:
  struct Parts {  // all outlive it
    net::Runtime& runtime;
    store::Store& store;
    trace::Trace& trace;
    tenants::LiveDirectory& directory;
    reputation::RestrictionBoard& board;
    const Clock& clock;
    Random& random;
    Log& log;
    bool is_shadow = false;
    // Ends the sessions of an account, or of a whole tenant with a nil one.
    std::function<void(TenantId, AccountId)> end_sessions = {};
    // Each new case, and each change of one. On the loop's shard; must be quick. What tells people hangs here.
    std::function<void(const cases::Case&)> on_case = {};
    // A remote server has refused mail from an address because a DNS list names it, as far as that is new. The same.
    std::function<void(const NamedListing&)> on_named_listing = {};
  };
  explicit ReputationLoop(Parts parts);

  // Reads what an earlier life has stored. Blocks; before anything is served.
  Status load();
  void connect(queue::Queue& queue) { holds_.connect(queue); }
  reputation::Reports& reports(std::size_t shard) { return *outboxes_[shard]; }
  // Until the group is cancelled. On the loop's shard.
  Task<void> run(net::TaskGroup& group);
  // Stores what has changed; the last time when the node stops. On the loop's shard.
  Task<Status> save();

  // Counts for the metrics; any thread.
  struct Readings {
    const ReportTraffic& traffic;
    std::array<std::array<std::uint64_t, 5>, reputation::kKeyKinds> changes{};  // by kind and state entered
    std::array<std::array<std::uint64_t, 5>, reputation::kKeyKinds> keys{};
    std::uint64_t storage_failures = 0, cases = 0, open_cases = 0;
  };
  Readings readings() const;

  // ReputationDesk, in reputation_desk.cc.
  net::Shard& shard() override { return shard_; }
  std::vector<reputation::Standing> list(reputation::KeyKind kind, reputation::State least, std::size_t most,
                                         const std::optional<reputation::Rank>& after) const override;
  reputation::Standing standing(const reputation::Key& key) const override;
  Status set_state(const admin::StateOrder& order) override;
  Status exempt(const admin::StateOrder& order) override;
  std::vector<cases::Case> cases(const std::function<bool(const cases::Case&)>& wanted, const cases::CaseId& before,
                                 std::size_t most) const override;
  std::optional<cases::Case> find_case(const cases::CaseId& id) const override;
  Status close_case(const cases::CaseId& id, const std::string& by) override;
  void note(const cases::CaseId& id, const std::string& by, std::string what) override;
  admin::PolicySettings settings(const admin::PolicyScope& scope) const override;
  reputation::Policy policy(const admin::PolicyScope& scope) const override;
  Status set_policy(const admin::PolicyScope& scope, admin::PolicySettings settings) override;
  std::vector<replies::UnknownReply> unknown_replies() const override;
  std::vector<admin::RuleCount> rule_counts() const override;
  Task<Status> settle() override;

 private:
  // Who a decision is about, for people.
  struct Subject {
    std::string name;
    TenantId tenant;
    IpAddress client;
  };

  // An order that the queue is to have, or is to have no more. It is passed on when the state that asks for it is
  // stored: a crash must not leave the order alone.
  struct HoldChange {
    reputation::Key key;
    std::optional<ReputationHolds::Wanted> wanted;
  };

  void take(std::vector<reputation::Report> reports);
  void work_off();
  void apply(reputation::Report& report);
  reputation::Decisions count(reputation::Report& report);
  void see_listing(const reputation::ReplyReport& reply);
  void apply_as(reputation::Report& report, std::string plan);
  void remember_plan(const AccountId& account, std::string plan);
  Task<void> look_up_plan(AccountId account, TenantId tenant, std::optional<reputation::Report> report);

  // In reputation_actions.cc.
  void carry_out(const reputation::Decisions& decisions, const reputation::Sender& sender, const std::string& by);
  void carry_out(const reputation::Decision& decision, const Subject& subject, const std::string& by);
  void report_only(const reputation::Decision& decision, const Subject& subject);
  void restrict(const reputation::Decision& decision, const Subject& subject, const std::string& by);
  void free(const reputation::Decision& decision, const Subject& subject, const std::string& by);
  cases::Case new_case(const reputation::Decision& decision, const Subject& subject) const;
  void record(const reputation::Decision& decision, const Subject& subject, const cases::CaseId& id,
              const std::string& by) const;
  void add_clients(cases::Case& one) const;
  void add_evidence(cases::Case& one, const reputation::Decision& decision) const;
  void see_client(const AccountId& account, const IpAddress& client);
  void publish();
  Task<void> publish_later(std::chrono::milliseconds wait);
  Subject subject_of(const reputation::Key& key, const reputation::Sender& sender) const;
  void tell(const cases::Case& changed) const;
  void hurry();
  Task<void> catch_up();

  // In reputation_storage.cc.
  Status load_rows();
  void restore_states();
  store::Transaction transaction_of_changes();
  void pass_on(std::vector<HoldChange> changes);
  const cases::Case& reopen(const reputation::Standing& standing);

  const Parts parts_;
  net::Shard& shard_;
  ReputationPolicies policies_;
  reputation::Reputation reputation_;
  reputation::KnownNetworks networks_;
  reputation::RecentClients clients_seen_;
  replies::RuleTally tally_;
  replies::UnknownReplies unknown_;
  Hearsay hearsay_;
  cases::CaseBook cases_;
  ReputationHolds holds_;
  ReportTraffic traffic_;
  std::vector<std::unique_ptr<ReputationOutbox>> outboxes_;
  std::deque<reputation::Report> inbox_;
  struct KnownPlan {
    std::string plan;
    SteadyTime known_at{};
  };
  std::unordered_map<AccountId, KnownPlan> plans_;
  std::size_t looking_up_ = 0;  // plans, at the moment

  RestrictionPublisher publisher_;
  bool is_publishing_later_ = false;
  std::uint64_t directory_version_ = 0;

  UnsavedRows<std::string> unsaved_records_{50'000};
  UnsavedRows<AccountId> unsaved_networks_{200'000};  // no more are known
  std::vector<std::string> changed_settings_;
  std::vector<HoldChange> hold_changes_;  // whose states are not stored yet
  bool has_more_changes_ = false;         // than one transaction takes
  bool is_saving_ = false, is_hurrying_ = false, must_hurry_again_ = false, is_failing_ = false;
  net::TaskGroup* group_ = nullptr;
  std::array<std::array<std::atomic<std::uint64_t>, 5>, reputation::kKeyKinds> changes_{};
  std::array<std::array<std::atomic<std::uint64_t>, 5>, reputation::kKeyKinds> keys_{};
  std::atomic<std::uint64_t> storage_failures_{0}, case_count_{0}, open_cases_{0};
};

}  // namespace bulkhead::app

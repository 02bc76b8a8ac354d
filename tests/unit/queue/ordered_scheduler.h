// A scheduler without a store, and what its tests say most.
#pragma once

#include <map>

#include <gtest/gtest.h>

#include "src/queue/scheduler.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::queue {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class OrderedScheduler : public testing::Test {
 protected:
  static TenantId tenant(int n) { return TenantId::from_bytes("tenant-" + std::to_string(100000000 + n)); }
  static LaneKey lane(int tenant_number, const std::string& site = "site") {
    return {tenant(tenant_number), IpAddress::v4({192, 0, 2, 1}), site};
  }
  static AccountId account(int n) { return AccountId::from_bytes("account" + std::to_string(100000000 + n)); }

  DeliveryKey add(int account_number, const LaneKey& key, std::uint32_t epoch = 0) {
    Planned made;
    made.key = {MessageId::from_bytes("message" + std::to_string(100000000 + next_++)), 0};
    made.lane = key;
    made.is_sole = true;
    made.due = UtcTime::min();
    made.expires_at = clock_.now() + hours{120};
    made.keys.account = hash_.of_account(account(account_number));
    made.keys.sender = hash_(AttributeKind::kSender, "s" + std::to_string(account_number) + "@x.test");
    made.keys.domain = hash_(AttributeKind::kDomain, "to.test");
    made.epoch = epoch;
    scheduler_.add(made);
    owner_[made.key] = account_number;
    return made.key;
  }
  Directive directive(std::uint32_t number, DirectiveAction action, int account_number, bool and_future = false) {
    Directive made;
    made.number = number;
    made.action = action;
    made.and_future = and_future;
    made.selector.account_id = account(account_number);
    made.given_at = clock_.now();
    return made;
  }
  void set(std::vector<Directive> directives) {
    scheduler_.set_directives(
        std::make_shared<const DirectiveSet>(std::move(directives), hash_, DirectiveSet::SourceOf{}));
  }
  void sweep() {
    while (scheduler_.is_sweeping()) EXPECT_TRUE(scheduler_.sweep(7).empty());
  }
  // The owner of what is handed out next in the lane, -1 for nothing.
  int next(const LaneKey& key) {
    const auto taken = scheduler_.take(key);
    return taken ? owner_.at(taken->key) : -1;
  }

  testlib::ManualClock clock_;
  AttributeHash hash_;
  Scheduler scheduler_{{}, clock_, hash_};
  std::map<DeliveryKey, int> owner_;
  int next_ = 0;
};

}  // namespace bulkhead::queue

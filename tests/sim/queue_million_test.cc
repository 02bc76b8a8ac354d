// A million deliveries of ten thousand tenants in the scheduler: what they take, and what orders about them cost.

#include <chrono>
#include <iostream>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/queue/scheduler.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::queue {
namespace {

constexpr int kTenants = 10000;
constexpr int kDeliveries = 1000000;

class Stopwatch {
 public:
  explicit Stopwatch(const char* what) : what_(what) {}
  ~Stopwatch() {
    const auto took = std::chrono::steady_clock::now() - start_;
    std::cout << what_ << ": " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
  }

 private:
  const char* what_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TenantId tenant(int n) {
  return TenantId::from_bytes("tenant-" + std::to_string(100000000 + n));
}

TEST(QueueOfAMillion, TakesLittleMemoryAndIsStoppedInSlices) {
  testlib::ManualClock clock;
  SeededRandom random{1};
  const AttributeHash hash;
  Scheduler scheduler{{}, clock, hash};
  const auto account_of = [](int n) { return AccountId::from_bytes("account" + std::to_string(100000000 + n)); };
  {
    const Stopwatch watch{"adding"};
    for (int i = 0; i < kDeliveries; ++i) {
      // One account in ten has a tenth of everything: an outbreak.
      const int owner = i % 10 == 0 ? 0 : i % kTenants;
      Planned planned;
      planned.key = {MessageId::make(clock, random), 0};
      planned.lane = {tenant(owner), IpAddress::v4({192, 0, 2, 1}), "site" + std::to_string(i % 7)};
      planned.is_sole = true;
      planned.due = UtcTime::min();
      planned.expires_at = clock.now() + std::chrono::hours{120};
      planned.keys.account = hash.of_account(account_of(owner));
      planned.keys.sender = hash(AttributeKind::kSender, "sender" + std::to_string(owner));
      planned.keys.client_ip = hash.of_client(IpAddress::v4({10, 1, 2, 3}));
      planned.keys.domain = hash(AttributeKind::kDomain, "domain" + std::to_string(i % 1000));
      scheduler.add(planned);
    }
  }
  std::cout << "bytes a delivery: " << scheduler.memory_bytes() / kDeliveries << "\n";
  EXPECT_LE(scheduler.memory_bytes(), 150'000'000U);
  const auto outbreak = scheduler.tally(hash.of_account(account_of(0)));
  EXPECT_EQ(outbreak.messages, outbreak.deliveries);
  EXPECT_GE(outbreak.deliveries, 100000U);

  Directive purge;
  purge.number = 1;
  purge.action = DirectiveAction::kPurge;
  purge.selector.account_id = account_of(0);
  scheduler.set_directives(
      std::make_shared<const DirectiveSet>(std::vector<Directive>{purge}, hash, DirectiveSet::SourceOf{}));
  std::size_t slices = 0;
  {
    const Stopwatch watch{"sweeping"};
    for (; scheduler.is_sweeping(); ++slices) ASSERT_TRUE(scheduler.sweep(4000).empty());
  }
  EXPECT_LE(slices, scheduler.size() / 4000 + 1) << "no slice looks at more than it may";
  EXPECT_EQ(scheduler.tally(hash.of_account(account_of(0))).deliveries, 0U);
  EXPECT_EQ(scheduler.progress(1).marked, outbreak.deliveries);
  EXPECT_EQ(scheduler.counts().total(), kDeliveries - outbreak.deliveries);
  std::uint64_t seen = 0;
  {
    const Stopwatch watch{"visiting all"};
    scheduler.visit([&](const DeliveryStatus& status) { seen += status.is_held ? 0U : 1U; });
  }
  EXPECT_EQ(seen, kDeliveries - outbreak.deliveries);
}

}  // namespace
}  // namespace bulkhead::queue

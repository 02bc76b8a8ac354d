#include "src/queue/queue.h"
#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {
namespace {

TEST(Admission, NoTenantTakesMoreRoomThanItLeaves) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
  const auto other = TenantId::from_bytes("tenant-000000002");
  const auto admits = [&](const TenantId& tenant) { return world.run(world.queue().admits(world.shard(), tenant)); };
  const auto fill = [&](const TenantId& tenant, std::size_t total) {
    auto message = world.message("a@from.test", {"b" + std::to_string(total) + "@to.test"});
    message.tenant = tenant;
    ASSERT_TRUE(admits(tenant)) << total;
    ASSERT_TRUE(world.accept(std::move(message)));
    ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == total; }));
  };
  EXPECT_TRUE(admits(world.tenant));
  world.queue().change_deliveries_max(10);
  // The tenant stops when it has more than is left: the sixth was admitted when it had five and five were left.
  for (std::size_t total = 1; total <= 6; ++total) fill(world.tenant, total);
  ASSERT_FALSE(admits(world.tenant));
  EXPECT_EQ(admits(world.tenant).error().code, ErrorCode::kFull);
  for (std::size_t total = 7; total <= 8; ++total) fill(other, total);
  EXPECT_TRUE(admits(other)) << "it has two, and two are left";
  fill(other, 9);
  EXPECT_FALSE(admits(other));
  const auto third = TenantId::from_bytes("tenant-000000003");
  fill(third, 10);
  EXPECT_FALSE(admits(third)) << "the queue is full";
  EXPECT_TRUE(world.accept("a@from.test", {"report@to.test"})) << "what the server makes itself is never refused";
  world.queue().change_deliveries_max(0);
  EXPECT_TRUE(admits(world.tenant));
}

}  // namespace
}  // namespace bulkhead::queue

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
  for (std::size_t total = 1; total <= 5; ++total) fill(world.tenant, total);
  ASSERT_FALSE(admits(world.tenant)) << "with six, four would be left";
  EXPECT_EQ(admits(world.tenant).error().code, ErrorCode::kFull);
  for (std::size_t total = 6; total <= 7; ++total) fill(other, total);
  EXPECT_FALSE(admits(other)) << "with three, two would be left";
  const auto third = TenantId::from_bytes("tenant-000000003");
  fill(third, 8);
  EXPECT_FALSE(admits(third));
  fill(TenantId::from_bytes("tenant-000000004"), 9);
  EXPECT_FALSE(admits(TenantId::from_bytes("tenant-000000005"))) << "the queue is full";
  auto report = world.message("a@from.test", {"report@to.test"});
  report.protocol = "internal";
  EXPECT_TRUE(world.accept(std::move(report))) << "what the server makes itself is never refused";
  world.queue().change_deliveries_max(0);
  EXPECT_TRUE(admits(world.tenant));
}

TEST(Admission, CountsTheRecipientsOfEachMessage) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
  const auto other = TenantId::from_bytes("tenant-000000002");
  const auto accept = [&](const TenantId& tenant, int recipients, const char* protocol = "smtp") {
    std::vector<std::string> to;
    for (int i = 0; i < recipients; ++i) to.push_back("b@to" + std::to_string(i) + ".test");
    auto message = world.message("a@from.test", to);
    message.tenant = tenant;
    message.protocol = protocol;
    return world.accept(std::move(message));
  };
  world.queue().change_deliveries_max(20);
  EXPECT_FALSE(accept(world.tenant, 11)) << "more than would be left";
  EXPECT_TRUE(accept(world.tenant, 10));
  ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 10; }));
  EXPECT_FALSE(accept(world.tenant, 1));
  EXPECT_FALSE(accept(other, 6));
  EXPECT_TRUE(accept(other, 5));
  ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 15; }));
  EXPECT_FALSE(accept(other, 21)) << "more than the queue takes";
  EXPECT_TRUE(accept(other, 21, "internal"));
}

}  // namespace
}  // namespace bulkhead::queue

// A reseller's order where the bound of orders leaves room for some of its tenants only.
#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

// Passes everything on, and refuses orders beyond so many.
class CrowdedQueue final : public queue::Queue {
 public:
  explicit CrowdedQueue(FakeQueue& queue) : queue_(queue) {}

  void set_carrier(std::size_t, queue::Carrier&) override {}
  Status start() override { return {}; }
  queue::ShardQueue& shard_queue(std::size_t shard) override { return queue_.shard_queue(shard); }
  Task<Status> accept(net::Shard& shard, queue::NewMessage message) override {
    return queue_.accept(shard, std::move(message));
  }
  void sources_changed() override {}
  Task<queue::Counts> count_of(net::Shard& shard, TenantId tenant) override { return queue_.count_of(shard, tenant); }
  bool is_loaded() const override { return true; }
  Task<queue::Counts> retry_now(net::Shard& shard, queue::Selector selector) override {
    return queue_.retry_now(shard, std::move(selector));
  }
  Task<Result<queue::DirectiveAnswer>> direct(net::Shard& shard, queue::DirectiveOrder order) override {
    ++tried;
    if (queue_.in_force.size() >= room) return refuse();
    return queue_.direct(shard, std::move(order));
  }
  Task<std::vector<queue::DirectiveView>> directives(net::Shard& shard) override { return queue_.directives(shard); }
  Task<std::vector<queue::TopRow>> top(net::Shard& shard, queue::TopBy by, queue::Selector selector,
                                       std::size_t limit) override {
    return queue_.top(shard, by, std::move(selector), limit);
  }
  Task<queue::Counts> count(net::Shard& shard, queue::Selector selector) override {
    return queue_.count(shard, std::move(selector));
  }
  Task<std::vector<queue::DeliveryView>> list(net::Shard& shard, queue::Selector selector, std::string after,
                                              std::size_t limit) override {
    return queue_.list(shard, std::move(selector), std::move(after), limit);
  }
  Task<void> drain(net::Shard&, std::chrono::milliseconds) override { co_return; }

  std::size_t room = 0;   // orders that may be in force
  std::size_t tried = 0;  // orders that came
  ErrorCode code = ErrorCode::kLimit;

 private:
  Task<Result<queue::DirectiveAnswer>> refuse() const { co_return fail(code, "no room", "end some"); }

  FakeQueue& queue_;
};

// acme owns child, so that its orders are two.
class CrowdedOrders : public AdminTest {
 protected:
  CrowdedOrders()
      : crowded_services_{*directory_, *live_,          pool_,
                          crowded_,    store_,          trace_,
                          mailboxes_,  host_,           clock_,
                          random_,     runner_.log(),   "mx1.isp.example",
                          "0.1.0",     clock_.steady(), [this](std::size_t) -> net::Resolver& { return resolver_; },
                          {}} {
    expect_status(call("PATCH", "/tenants/acme", {{"tenants_max", 3}}), 200);
    add_tenant("child", "192.0.2.3");
    expect_status(call("PATCH", "/tenants/child", {{"reseller", "acme"}}), 200);
    reseller_ = token_for("acme");
    handler_ = std::make_unique<ApiHandler>(crowded_services_, AuthenticationPolicy{.failure_delay = {}});
  }
  Outcome hold_all() { return call("POST", "/queue/hold", {{"all", true}, {"and_future", true}}, reseller_); }

  CrowdedQueue crowded_{queue_};
  AdminServices crowded_services_;
  std::string reseller_;
};

TEST_F(CrowdedOrders, WithRoomForAllThereIsNothingToWarnOf) {
  crowded_.room = 2;
  const auto answer = hold_all();
  expect_status(answer, 200);
  EXPECT_EQ(answer.json["directives"].size(), 2U);
  EXPECT_FALSE(answer.json.contains("warnings"));
}

TEST_F(CrowdedOrders, WithRoomForSomeTheseStandAndTheRestIsCounted) {
  crowded_.room = 1;
  const auto answer = hold_all();
  expect_status(answer, 200);
  EXPECT_EQ(answer.json["directives"].size(), 1U);
  EXPECT_EQ(answer.json["warnings"][0],
            "the order was NOT given for 1 of the 2 tenants that it means, and stands for the other 1: no room; end "
            "some; it can be given for one tenant with --tenant");
}

TEST_F(CrowdedOrders, WithRoomForNoneItIsRefused) {
  const auto answer = hold_all();
  EXPECT_EQ(answer.json["error"]["message"], "no room");
  EXPECT_EQ(crowded_.tried, 2U) << "what takes the place of an earlier order needs no room";
  EXPECT_TRUE(queue_.in_force.empty());
}

TEST_F(CrowdedOrders, AFaultThatMeetsAllEndsIt) {
  crowded_.code = ErrorCode::kUnavailable;
  const auto answer = hold_all();
  EXPECT_EQ(answer.json["error"]["code"], "unavailable");
  EXPECT_EQ(crowded_.tried, 1U);
}

}  // namespace
}  // namespace bulkhead::admin

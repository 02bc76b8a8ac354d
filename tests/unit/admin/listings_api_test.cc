#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

using ListingsApi = AdminTest;

TEST_F(ListingsApi, ListsByTenantAndByAddressInPages) {
  const auto all = call("GET", "/listings");
  ASSERT_EQ(all.json["items"].size(), 4U);
  EXPECT_EQ(all.json["items"][0]["tenant"], "acme");
  EXPECT_EQ(all.json["items"][0]["zone"], "bl.example");
  EXPECT_TRUE(all.json["items"][3]["tenant"].is_null());  // nobody's address
  EXPECT_EQ(call("GET", "/listings?tenant=other").json["items"].size(), 1U);
  EXPECT_EQ(call("GET", "/listings?address=192.0.2.1").json["items"][0]["name"], "192.0.2.1");
  expect_status(call("GET", "/listings?address=acme.example"), 400);
  expect_status(call("GET", "/listings?address=192.0.2.1&domain=acme.example"), 400);
  expect_status(call("GET", "/listings?domain=nobody.example"), 404);
  const auto page = call("GET", "/listings?limit=3");
  ASSERT_EQ(page.json["items"].size(), 3U);
  const auto next = proto::http::percent_encode(page.json["next"].get<std::string>());
  EXPECT_EQ(call("GET", "/listings?limit=3&after=" + next).json["items"].size(), 1U);
  EXPECT_EQ(call("GET", "/listings/zones").json["items"].size(), 1U);
}

TEST_F(ListingsApi, AsksTheListsNow) {
  const auto listed = call("GET", "/listings/192.0.2.1/check");
  EXPECT_EQ(listed.json["listed"], true);
  EXPECT_EQ(listed.json["zones"][0]["codes"], "127.0.0.2");
  EXPECT_EQ(call("GET", "/listings/acme.example/check").json["listed"], false);
}

TEST_F(ListingsApi, LetsAnAddressGoByHand) {
  expect_status(call("PATCH", "/addresses/192.0.2.1", {{"ready", true}}), 200);
  ASSERT_EQ(fake_monitor_.orders.size(), 1U);
  EXPECT_EQ(fake_monitor_.orders[0], std::pair(*IpAddress::parse("192.0.2.1"), true));
  expect_status(call("PATCH", "/addresses/192.0.2.1", {{"ready", false}}, token_for("acme")), 403);
  EXPECT_EQ(fake_monitor_.orders.size(), 1U);
}

}  // namespace
}  // namespace bulkhead::admin

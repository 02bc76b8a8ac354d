// Webhooks of tenants: who may set them, what is shown once, and what others see.
#include <gmock/gmock.h>

#include "tests/unit/admin/admin_fixture.h"
#include "tests/unit/admin/fake_webhooks.h"

namespace bulkhead::admin {
namespace {

using ::testing::SizeIs;

class WebhookApi : public AdminTest {
 protected:
  WebhookApi() { services_->webhooks = &webhooks_; }
  FakeWebhooks webhooks_;
};

const Json kUrl{{"webhook", "https://panel.acme.net/"}};

TEST_F(WebhookApi, TheSecretIsShownOnceAndANewOneWithEachChange) {
  const auto set = call("PATCH", "/tenants/acme", kUrl);
  expect_status(set, 200);
  EXPECT_EQ(set.json.value("webhook", ""), "https://panel.acme.net/");
  EXPECT_EQ(set.json.value("webhook_secret", ""), "whsec_made1");
  const auto shown = call("GET", "/tenants/acme");
  EXPECT_EQ(shown.json.value("webhook", ""), "https://panel.acme.net/");
  EXPECT_FALSE(shown.json.contains("webhook_secret"));
  EXPECT_EQ(call("PATCH", "/tenants/acme", kUrl).json.value("webhook_secret", ""), "whsec_made2");
  EXPECT_FALSE(call("PATCH", "/tenants/acme", {{"postmaster", ""}}).json.contains("webhook_secret"));
  EXPECT_EQ(trace_.all_details().find("whsec_"), std::string::npos);
}

TEST_F(WebhookApi, AnEmptyUrlRemovesItAndSoDoesTheTenantsEnd) {
  expect_status(call("PATCH", "/tenants/acme", kUrl), 200);
  expect_status(call("PATCH", "/tenants/acme", {{"webhook", ""}}), 200);
  EXPECT_THAT(webhooks_.urls, SizeIs(0));
  expect_status(call("POST", "/tenants", {{"name", "third"}, {"webhook", "https://panel.third.net/"}}), 201);
  EXPECT_THAT(webhooks_.urls, SizeIs(1));
  expect_status(call("DELETE", "/tenants/third"), 204);
  EXPECT_THAT(webhooks_.urls, SizeIs(0));
}

TEST_F(WebhookApi, WhatIsRefusedChangesNothing) {
  const auto refused =
      call("PATCH", "/tenants/acme", {{"webhook", "http://panel.acme.net/"}, {"postmaster", "new@acme.example"}});
  expect_status(refused, 400);
  EXPECT_EQ(call("GET", "/tenants/acme").json.value("postmaster", "?"), "");
}

TEST_F(WebhookApi, ATenantMayNotSetItsOwnNorAnotherOnes) {
  const auto token = token_for("acme");
  expect_status(call("PATCH", "/tenants/acme", kUrl, token), 403);
  expect_status(call("PATCH", "/tenants/other", kUrl, token), 404);
  EXPECT_THAT(webhooks_.urls, SizeIs(0));
}

TEST_F(WebhookApi, AResellerMaySetThoseOfItsTenants) {
  expect_status(call("PATCH", "/tenants/other", {{"reseller", "acme"}}), 200);
  const auto token = token_for("acme");
  expect_status(call("PATCH", "/tenants/other", kUrl, token), 200);
  expect_status(call("PATCH", "/tenants/acme", kUrl, token), 403);
}

TEST_F(WebhookApi, TheStatusShowsTheFailingOnesThatOneMaySee) {
  expect_status(call("PATCH", "/tenants/acme", kUrl), 200);
  webhooks_.urls[TenantId{}] = "https://panel.isp.net/";
  EXPECT_THAT(call("GET", "/status").json["webhooks"], SizeIs(2));
  const auto own = call("GET", "/status", nullptr, token_for("acme")).json["webhooks"];
  ASSERT_THAT(own, SizeIs(1));
  EXPECT_EQ(own[0].value("tenant", ""), "acme");
  EXPECT_EQ(own[0].value("trouble", ""), "it answered 500");
  EXPECT_THAT(call("GET", "/status", nullptr, token_for("other")).json["webhooks"], SizeIs(0));
}

}  // namespace
}  // namespace bulkhead::admin

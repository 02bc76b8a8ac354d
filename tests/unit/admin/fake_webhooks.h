// Webhooks that only remember what they were told.
#pragma once

#include <map>

#include "src/admin/webhook_desk.h"

namespace bulkhead::admin {

class FakeWebhooks final : public WebhookDesk {
 public:
  Status check(const std::string& url) const override {
    if (url.starts_with("https://")) return {};
    return fail(ErrorCode::kInvalid, "a tenant's webhook is an https:// URL");
  }
  Result<Secret> set(const TenantId& tenant, const std::string& url) override {
    urls[tenant] = url;
    return Secret{"whsec_made" + std::to_string(++secrets_)};
  }
  Status remove(const TenantId& tenant) override {
    urls.erase(tenant);
    return {};
  }
  std::optional<WebhookView> of(const TenantId& tenant) const override {
    const auto found = urls.find(tenant);
    if (found == urls.end()) return std::nullopt;
    return WebhookView{.tenant = tenant,
                       .url = found->second,
                       .trouble = "it answered 500",
                       .failing_since = std::nullopt,
                       .next_at = std::nullopt};
  }
  std::vector<WebhookView> failing() const override {
    std::vector<WebhookView> views;
    for (const auto& [tenant, url] : urls) views.push_back(*of(tenant));
    return views;
  }

  std::map<TenantId, std::string> urls;

 private:
  int secrets_ = 0;
};

}  // namespace bulkhead::admin

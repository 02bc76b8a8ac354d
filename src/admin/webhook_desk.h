// The webhooks of tenants and of the operator, as the administration sees them. Implemented in src/app; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"
#include "src/base/secret.h"

namespace bulkhead::admin {

struct WebhookView {
  TenantId tenant;  // nil: the operator's
  std::string url;
  bool is_off = false;        // it answered 410 Gone
  std::uint64_t waiting = 0;  // events
  std::uint32_t failures = 0;
  std::string trouble;  // "" while nothing fails
  std::optional<UtcTime> failing_since, next_at;
};

class WebhookDesk {
 public:
  virtual ~WebhookDesk() = default;

  // kInvalid unless a tenant's events may go there.
  virtual Status check(const std::string& url) const = 0;
  // From now on the tenant's events go there, those that wait too, signed with the secret that this gives. Durable
  // when it returns; blocks.
  virtual Result<Secret> set(const TenantId& tenant, const std::string& url) = 0;
  // No more events, those that wait neither. Blocks; nothing to do is no error.
  virtual Status remove(const TenantId& tenant) = 0;
  virtual std::optional<WebhookView> of(const TenantId& tenant) const = 0;  // nothing: it has none
  virtual std::vector<WebhookView> failing() const = 0;                     // or switched off
};

}  // namespace bulkhead::admin

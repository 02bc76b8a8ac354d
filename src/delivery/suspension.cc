#include "src/delivery/suspension.h"

#include <fmt/format.h>

namespace bulkhead::delivery {

bool hold_if_suspended(const tenants::Snapshot& directory, const TenantId& id, queue::Outcome& outcome) {
  const tenants::Tenant* tenant = directory.tenant(id);
  if (tenant == nullptr || tenant->suspension != tenants::Suspension::kSuspended) return false;
  outcome.kind = queue::Outcome::Kind::kHeld;
  outcome.hold_code = "tenant-suspended";
  outcome.reason =
      fmt::format("the tenant {0} is suspended; its mail goes on after: bulkhead tenant resume {0}", tenant->name);
  return true;
}

}  // namespace bulkhead::delivery

// Who asks: the operator, or somebody who may see one tenant and what it owns as a reseller.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::admin {

struct Caller {
  std::string name;                    // for the trace: "uid 0", "token panel"
  std::optional<TenantId> tenant;      // nothing: operator
  std::optional<TokenId> token;        // that was shown; nothing on the Unix socket
  std::optional<IpAddress> client_ip;  // nothing on the Unix socket
  std::vector<TenantId> owned;         // of its tenant as a reseller, directly and through others; in order

  bool is_operator() const { return !tenant; }
  bool is_reseller() const { return !owned.empty(); }
  bool owns(const TenantId& id) const { return std::binary_search(owned.begin(), owned.end(), id); }
  // What a caller cannot see does not exist for it.
  bool sees(const TenantId& id) const { return !tenant || *tenant == id || owns(id); }
  bool sees(const std::optional<TenantId>& id) const { return !tenant || (id && sees(*id)); }
  // May do what only those above the tenant may: its reseller, directly or through others, and the operator.
  bool is_above(const TenantId& id) const { return !tenant || owns(id); }
};

}  // namespace bulkhead::admin

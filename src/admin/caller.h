// Who asks: the operator, or somebody who may see one tenant only.
#pragma once

#include <optional>
#include <string>

#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::admin {

struct Caller {
  std::string name;                    // for the trace: "uid 0", "token panel"
  std::optional<TenantId> tenant;      // nothing: operator
  std::optional<IpAddress> client_ip;  // nothing on the Unix socket

  bool is_operator() const { return !tenant; }
  // What a caller cannot see does not exist for it.
  bool sees(const TenantId& id) const { return !tenant || *tenant == id; }
  bool sees(const std::optional<TenantId>& id) const { return !tenant || id == tenant; }
};

}  // namespace bulkhead::admin

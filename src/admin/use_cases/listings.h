// What the monitor knows of an address or a domain, as JSON.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// Adds "listings" and "readiness", when there is a monitor.
void add_monitored(const AdminServices& services, Json& json, const listings::Subject& subject);
// The listings that the caller may see, in order of name and zone.
Json listings_json(const AdminServices& services, const Caller& caller);

}  // namespace bulkhead::admin

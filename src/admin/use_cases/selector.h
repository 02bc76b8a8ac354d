// SELECTORS of the queue, as query parameters or as fields of a body.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// Limited to the caller's tenant; another tenant's name is not found. kInvalid names the selector that is malformed.
// One for each tenant that is meant: a reseller's are several. The operator's is one, for all tenants.
Result<std::vector<queue::Selector>> queue_selectors(const AdminServices& services, const Call& call);
// Whether the caller gave a selector of its own that leaves something out, in query or body: any account ("*") does
// not.
bool has_selector(const Call& call);
// kInvalid unless the order says what it means: by selectors, or all of it, not both.
Status check_meant(const Call& call);
void add_to(queue::Counts& sum, const queue::Counts& more);
// "90", "90s", "15m", "1h", "5d": seconds. Nothing for anything else, nor for more than a hundred years.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace bulkhead::admin

// Reputation and cases as the API shows them.
#pragma once

#include "src/admin/json.h"
#include "src/admin/reputation_desk.h"
#include "src/admin/use_cases/reputation_key.h"

namespace bulkhead::admin {

// Of orders about a key or a case: what is longer than is kept is refused.
Status check_reason(std::string_view reason);
// An exemption that is over at `now` is not shown.
Json standing_json(const tenants::Snapshot& snapshot, const NamedKey& named, const reputation::Standing& standing,
                   UtcTime now);
// `until` is when its state ends as of now.
Json case_json(const tenants::Snapshot& snapshot, const cases::Case& one);
// A tenant or a plan.
bool is_below_node(const PolicyScope& scope);
// Addresses, clients and sites, which are not one tenant's.
bool is_judged_by_node(reputation::KeyKind kind);
Json policy_json(const PolicyScope& scope, const tenants::Snapshot& snapshot, const PolicySettings& settings,
                 const reputation::Policy& policy);

}  // namespace bulkhead::admin

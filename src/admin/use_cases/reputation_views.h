// Reputation and cases as the API shows them.
#pragma once

#include "src/admin/json.h"
#include "src/admin/reputation_desk.h"
#include "src/admin/use_cases/reputation_key.h"

namespace bulkhead::admin {

Json standing_json(const tenants::Snapshot& snapshot, const NamedKey& named, const reputation::Standing& standing);
// `until` is when its state ends as of now.
Json case_json(const tenants::Snapshot& snapshot, const cases::Case& one);
Json policy_json(const PolicyScope& scope, const tenants::Snapshot& snapshot, const PolicySettings& settings,
                 const reputation::Policy& policy);

}  // namespace bulkhead::admin

// Limits as the API shows them: a row for each measure, with its present use and where it is set.
#pragma once

#include "src/admin/services.h"
#include "src/admin/use_cases/limit_subject.h"

namespace bulkhead::admin {

// What a plan allows, with the shipped figures for what the directory does not say of it.
tenants::Limit plan_limit(const tenants::Snapshot& snapshot, tenants::Plan plan);
// The limit of an account as it holds: what is not its own comes from the plan.
NamedLimit with_plan(NamedLimit named, const tenants::Snapshot& snapshot, tenants::Plan plan);
void add_rows(const AdminServices& services, const NamedLimit& named, Json& items);

}  // namespace bulkhead::admin

// What people are told by mail of lists and readiness, and whom it concerns.
#pragma once

#include <optional>

#include "monitoring/listings/watch.h"
#include "netpolicy/readiness_watch.h"
#include "src/app/notice_plan.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

// That somebody began or ceased to be listed; nothing of the lists themselves, or of what is not watched any more.
std::optional<Notice> notice_of(const listings::Transition& transition);

// That something is unready which was ready, or waits for it; that it is ready again. What was never ready and is not
// withheld is no news. `is_operator`: an operator may let it go.
std::optional<Notice> notice_of(const netpolicy::ReadinessChange& change, bool is_operator);

// The tenant whose it is; nil: a shared address, or nobody's.
TenantId owner_of(const tenants::Snapshot& directory, const listings::Subject& subject);
listings::Subject subject_of(const netpolicy::ReadinessSubject& subject);

}  // namespace bulkhead::app

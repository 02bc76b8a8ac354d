// What the monitor of lists and the feedback desk have to tell the loop of reputation, as its reports.
#pragma once

#include <optional>

#include "monitoring/listings/watch.h"
#include "monitoring/reputation/report.h"
#include "src/app/feedback_desk.h"
#include "src/app/named_listing.h"

namespace bulkhead::app {

// A listing that a remote server has named, as the monitor of lists would have told it.
listings::Transition transition_of(const NamedListing& named);
// Nothing: reputation has no use for it.
std::optional<reputation::Report> report_of(const listings::Transition& transition);
std::optional<reputation::Report> report_of(const Feedback& feedback);

}  // namespace bulkhead::app

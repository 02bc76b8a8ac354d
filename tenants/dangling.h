// Targets of aliases, catch-alls and postmasters that lead to nobody: an address in a domain of ours which no account
// and no alias has. Mail to what leads only there is refused; whoever sets such a target is told.
#pragma once

#include <string>
#include <vector>

#include "tenants/live_directory.h"

namespace bulkhead::tenants {

// Whether mail to `target` finds nobody here. False for addresses in domains of others. A domain's own catch-all does
// not save itself: for the catch-all's target it is asked what the target is without it. Blocks: asks the database.
Result<bool> leads_nowhere(Directory& directory, const Snapshot& snapshot, const mail::Address& target);

struct DanglingTarget {
  std::string holder;  // "the alias sales@acme.example", "the catch-all of acme.example"
  mail::Address target;
};
struct DanglingTargets {
  std::vector<DanglingTarget> found;
  bool is_complete = true;  // false: there may be more
};
// Looks through catch-alls, postmasters and at most `aliases_max` aliases until so many are found. Blocks.
struct DanglingBounds {
  std::size_t found_max = 20;
  std::size_t aliases_max = 100'000;
};
Result<DanglingTargets> find_dangling(Directory& directory, const Snapshot& snapshot, DanglingBounds bounds);

}  // namespace bulkhead::tenants

// Orders about the queue as the API shows them: names of tenants and accounts where the queue knows their ids.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"
#include "src/base/task.h"

namespace bulkhead::admin {

// Who gave a directive, so that another caller's rank can be compared with it later.
std::string giver_of(const Caller& caller);
// Whether the caller may end what somebody ordered: its own, and what those below it ordered.
bool may_end(const Caller& caller, std::string_view giver);
// For one who may not end it: "case 01J…", "the reseller big", "the server's operator". Names nobody whom the caller
// does not know of.
std::string giver_above(const tenants::Snapshot& snapshot, const Caller& caller, std::string_view giver);

// A text of the queue with names for the tenants' ids in it.
std::string with_names(const tenants::Snapshot& snapshot, std::string text);
// What a selector means within its tenant.
std::string selected_by(const queue::Selector& selector);
Task<Json> directive_json(const AdminServices& services, net::Shard& shard, queue::DirectiveView view);

}  // namespace bulkhead::admin

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

// Who gave it, as the caller may know it: with the names of what it sees, or as giver_above says.
std::string giver_for(const tenants::Snapshot& snapshot, const Caller& caller, std::string_view giver);

// What the queue says of an order, with a name for its tenant and with the giver as the caller may know it. Whatever
// else it says are words of who gave it, ids included, and stays as it is.
std::string named_order(const tenants::Snapshot& snapshot, const Caller& caller, std::string text);
// The same of the command that ends an order.
std::string named_remedy(const tenants::Snapshot& snapshot, const Caller& caller, std::string text);
// What a selector means within its tenant.
std::string selected_by(const queue::Selector& selector);
Task<Json> directive_json(const AdminServices& services, net::Shard& shard, Caller caller, queue::DirectiveView view);

}  // namespace bulkhead::admin

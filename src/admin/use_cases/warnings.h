// What an answer says besides "done": a change that is taken, and may not be what was meant. People provision in any
// order, so a target that does not exist yet is no reason to refuse.
#pragma once

#include <string>
#include <vector>

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// The field "warnings" of the answer, which is left out when there are none.
void add_warnings(Json& answer, const std::vector<std::string>& warnings);

// Of targets that nobody has here, each with what would mend it. Only domains that the caller sees are looked at: what
// other tenants have is nobody's to find out. `text` is an address, or nothing. Blocks.
std::vector<std::string> dangling_warnings(const AdminServices& services, const Caller& caller,
                                           const std::vector<mail::Address>& targets);
std::vector<std::string> dangling_warnings(const AdminServices& services, const Caller& caller,
                                           const std::string& target);

// Of an account that a search or an order names and that is not there for this caller: no mistake, for mail of a
// removed one is found and one may come, but one often enough to be said. "" and "*" name none. The first blocks.
std::vector<std::string> account_warnings(const AdminServices& services, const Caller& caller,
                                          const std::string& account);
Task<std::vector<std::string>> account_warnings(const AdminServices& services, net::Shard& shard, Caller caller,
                                                std::string account);

// Of tenants whose users may no longer sign in on an address, nor hand in or get mail there, since what it or its
// owner's other addresses serve has changed. `before` is the directory as it was.
std::vector<std::string> service_warnings(const AdminServices& services, const Caller& caller,
                                          const tenants::Snapshot& before, const IpAddress& changed);

}  // namespace bulkhead::admin

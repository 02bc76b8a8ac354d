// The kernel's table of nftables: read, and replaced as a whole. Needs CAP_NET_ADMIN and the program nft.
#pragma once

#include <optional>
#include <string>

#include "netpolicy/firewall/firewall_plan.h"
#include "netpolicy/firewall/listing.h"
#include "src/base/result.h"

namespace bulkhead::app {

// Nothing: there is no such table.
Result<std::optional<netpolicy::FirewallListing>> read_table();

// Replaces the table in one transaction: either all of it is in force afterwards, or nothing has changed.
Status replace_table(const std::string& ruleset);

// How the kernel would tell a ruleset, found out in an empty network namespace, into which this program moves for good.
Result<netpolicy::FirewallListing> rehearse(const std::string& ruleset);

}  // namespace bulkhead::app

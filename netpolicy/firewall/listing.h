// What the kernel has, as `nft --json list table` tells it, and what differs from what it should have.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "netpolicy/firewall/firewall_plan.h"
#include "src/base/result.h"

namespace bulkhead::netpolicy {

struct FirewallListing {
  std::map<std::string, std::set<std::string>> sets;      // by name, in the words of FirewallPlan
  std::map<std::string, std::string> declarations;        // of sets and chains: type, hook, priority
  std::map<std::string, std::vector<std::string>> rules;  // by chain, in order
  FirewallTraffic traffic;
};

// kProtocol when the text is not such a listing. Bounded by the text.
Result<FirewallListing> parse_listing(std::string_view json);

// One sentence a difference; at most `count_max`, then one that counts the rest. `text_of` says an element in words.
std::vector<std::string> differences(const FirewallListing& kernel, const FirewallListing& wanted,
                                     const std::function<std::string(const std::string&)>& text_of,
                                     std::size_t count_max = 100);

}  // namespace bulkhead::netpolicy

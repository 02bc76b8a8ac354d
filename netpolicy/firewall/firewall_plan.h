// What the kernel shall let out, as a value: made of the directory, written as an nftables ruleset.
//
// Addresses and tenants are elements of sets, so that ten thousand of them cost a packet no more than one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "netpolicy/firewall/tenant_marks.h"
#include "src/base/ip_address.h"

namespace bulkhead::netpolicy {

struct FirewallSettings {
  std::uint32_t uid = 0;             // the server's user: nobody else leaves to `ports`
  std::vector<std::uint16_t> ports;  // 25, and the configured delivery port
  bool has_marks = false;            // sockets carry their tenant's mark, and each address goes with one
};

// Packets and octets of one element or one counter.
struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  Traffic& operator+=(const Traffic& other) {
    packets += other.packets;
    bytes += other.bytes;
    return *this;
  }
  bool operator==(const Traffic&) const = default;
};
// By the names of sets and elements as nftables has them: "pairs4" → "192.0.2.1 . 2952790017".
using SetTraffic = std::map<std::string, std::map<std::string, Traffic>>;

// What the kernel counts: what left, by the elements that let it, and the connections that were refused.
struct FirewallTraffic {
  SetTraffic sets;
  std::uint64_t refused_users = 0;      // another user than the server's
  std::uint64_t refused_addresses = 0;  // no source address of ours, or not with this tenant's mark
};

struct FirewallPlan {
  FirewallSettings settings;
  // Elements of each set, sorted. Without marks: "sources4", "sources6". With them: "pairs4", "pairs6" (an address and
  // its tenant's mark), "shared4", "shared6", and "sharing" (the marks of who may use a shared address).
  std::map<std::string, std::vector<std::string>> sets;
};
FirewallPlan plan_firewall(const tenants::Snapshot& directory, FirewallSettings settings);

// The whole table, replacing what is there in one transaction. `carried`: what its elements have counted already.
std::string ruleset_of(const FirewallPlan& plan, const FirewallTraffic& carried);

inline constexpr const char* kFirewallTable = "bulkhead";  // of the family inet

struct TenantTraffic {
  std::string tenant;  // its name; "" for what left from shared addresses and is no tenant's for want of marks
  Traffic traffic;
};
// The busiest first. What belongs to tenants that are gone is left out.
std::vector<TenantTraffic> traffic_of_tenants(const tenants::Snapshot& directory, const FirewallTraffic& traffic);

// An element for a person: "192.0.2.1 of acme".
std::string element_text(const tenants::Snapshot& directory, const TenantMarks& marks, const std::string& element);

}  // namespace bulkhead::netpolicy

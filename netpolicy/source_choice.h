// Which address a connection may leave from. Pure: decides over a directory snapshot and the host's inventory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "tenants/live_directory.h"

namespace bulkhead::netpolicy {

// The addresses present on this host now, as netlink tells. Immutable snapshot.
struct HostAddresses {
  std::unordered_set<IpAddress> present;
  // IPv4 networks that are local as a whole, as the kernel makes those of addresses on a loopback interface: all of
  // 127.0.0.0/8 is present once it has 127.0.0.1/8.
  std::vector<IpNetwork> local_networks;
  // Present or not, nothing leaves from these for now: why, as the end of a sentence that begins with the address.
  std::map<IpAddress, std::string> withheld;
  bool contains(const IpAddress& ip) const;
  bool may_send(const IpAddress& ip) const { return contains(ip) && !withheld.contains(ip); }
  bool operator==(const HostAddresses&) const = default;
};

struct SourceDecision {
  enum class Kind { kUse, kNoSource } kind = Kind::kNoSource;
  IpAddress ip;
  std::string helo;          // "" : the node's name
  std::string reason;        // kNoSource: a sentence that says which address is missing or that the family is not used
  bool is_withheld = false;  // kNoSource, because of HostAddresses::withheld
  bool is_missing = false;   // kNoSource, though the tenant has addresses of the family: none can be used now
};

// A withheld address counts as missing. The source for a delivery of `tenant` to a remote address of `family`:
// the arrival address if it is (still) one that this tenant may use and of that family, and then no other: while it is
// missing on the host the mail waits. Otherwise the tenant's choice, the first that is present, default first; none
// present on the host, or none of that family: kNoSource. The shared addresses count as the tenant's while it shares.
// Never another tenant's address, never the kernel's choice.
SourceDecision choose_source(const tenants::Snapshot& directory, const HostAddresses& host, const TenantId& tenant,
                             const std::optional<IpAddress>& arrival, Family family);

}  // namespace bulkhead::netpolicy

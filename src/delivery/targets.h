// The addresses of a host that may be connected to, each with the source address that the connection leaves from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netpolicy/firewall/tenant_marks.h"
#include "netpolicy/source_choice.h"
#include "src/delivery/routing.h"

namespace bulkhead::delivery {

// The source of either family for one message: decided anew for each attempt.
struct Sources {
  netpolicy::SourceDecision v4, v6;
  Family preferred = Family::kIpv6;  // the arrival address's, when it is known
  const netpolicy::SourceDecision& of(Family family) const { return family == Family::kIpv6 ? v6 : v4; }
  bool has(Family family) const { return of(family).kind == netpolicy::SourceDecision::Kind::kUse; }
  bool has_any() const { return has(Family::kIpv4) || has(Family::kIpv6); }
  std::string reason() const;  // why there is none
  // The tenant has addresses of the preferred family, and none can be used now: what could leave over that family waits
  // for one. It does not leave over the other.
  bool must_wait() const { return of(preferred).is_missing; }
  std::string hold_code() const { return v4.is_withheld || v6.is_withheld ? "address-withheld" : "no-source"; }
};
Sources sources_for(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host, const TenantId& tenant,
                    const IpAddress& arrival);

struct Target {
  std::string host;  // as the MX or the route names it
  SocketAddress remote;
  IpAddress source;
  std::string helo;
  netpolicy::Mark mark = 0;  // of the tenant, for the kernel's firewall; 0: none
  std::string text() const;  // "mx.example[192.0.2.1]:25"
};

struct Targets {
  enum class Kind {
    kFound,
    kNoSource,  // the host has addresses, but only of families that no source exists for, or of the preferred one,
                // for which the mail must wait: `reason`
    kLoop,      // an address of the host is our own, or one that means ourselves
    kNone,      // no such host, or no address: a definite no
    kUnknown,   // the DNS did not tell: temporary
  } kind = Kind::kNone;
  std::vector<Target> targets;  // those of the preferred family first
  std::string reason;
};

// Whether a connection there would reach this host: one of our listeners, or an address that every host calls itself
// by (RFC 1122 §3.2.1.3) or that is no single host's. A route may lead to such a place, the DNS of a stranger may not.
bool leads_to_ourselves(const SocketAddress& remote, const netpolicy::HostAddresses& host,
                        const std::vector<SocketAddress>& listeners);

// What `find_targets` needs of the outside; all of it outlives the call.
struct TargetSearch {
  net::Resolver& resolver;
  const Settings& settings;
  std::shared_ptr<const netpolicy::HostAddresses> host_addresses;
  Sources sources;
  netpolicy::Mark mark = 0;  // that the connection will carry
};
// Looks up A and AAAA of `host` (an IP address stands for itself), only those of families that have a source, and the
// others only to tell a missing source from a missing host, or whether the mail must wait for one.
Task<Targets> find_targets(const TargetSearch& search, const Destination& destination, std::string host);

}  // namespace bulkhead::delivery

#include "src/delivery/targets.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::delivery {

namespace {

using Kind = netpolicy::SourceDecision::Kind;

struct Lookup {
  std::vector<IpAddress> v4, v6;
  bool is_unknown = false;  // a lookup failed for now
  std::vector<IpAddress>& of(Family family) { return family == Family::kIpv6 ? v6 : v4; }
};

bool is_multicast_or_broadcast(const IpAddress& ip) {
  const auto first = static_cast<unsigned char>(ip.bytes()[0]);
  return ip.family() == Family::kIpv6 ? first == 0xff : first >= 224;
}

Target make_target(const TargetSearch& search, const std::string& host, SocketAddress remote) {
  const netpolicy::SourceDecision& source = search.sources.of(remote.ip.family());
  return {host, remote, source.ip, source.helo.empty() ? search.settings.node_name : source.helo, search.mark};
}

// Turns what was found into targets; the first address that is ourselves ends the search (RFC 5321 §5.1).
Targets targets_of(const TargetSearch& search, const Destination& destination, const std::string& host,
                   const Lookup& found) {
  Targets targets;
  const bool is_v4_first = search.sources.preferred == Family::kIpv4;
  for (const auto* addresses : {is_v4_first ? &found.v4 : &found.v6, is_v4_first ? &found.v6 : &found.v4}) {
    for (const IpAddress& ip : *addresses) {
      const SocketAddress remote{ip, destination.port};
      if (!destination.is_route && leads_to_ourselves(remote, *search.host_addresses, search.settings.listeners)) {
        return {
            Targets::Kind::kLoop, {}, fmt::format("the address {} of {} is this server itself", remote.text(), host)};
      }
      targets.targets.push_back(make_target(search, host, remote));
    }
  }
  if (!targets.targets.empty()) targets.kind = Targets::Kind::kFound;
  return targets;
}

Task<void> look_up(net::Resolver& resolver, std::string host, Family family, Lookup& found) {
  auto addresses = co_await resolver.addresses(std::move(host), family);
  if (addresses) {
    found.of(family) = std::move(*addresses);
  } else if (addresses.error().code != ErrorCode::kNotFound) {
    found.is_unknown = true;
  }
}

std::string_view name_of(Family family) {
  return family == Family::kIpv6 ? "IPv6" : "IPv4";
}

Targets without_source(const TargetSearch& search, std::string_view host, Family family, std::string_view has) {
  return {Targets::Kind::kNoSource,
          {},
          fmt::format("{} {} {} addresses, and {}", host, has, name_of(family), search.sources.of(family).reason)};
}

}  // namespace

std::string Sources::reason() const {
  if (v4.reason == v6.reason) return v4.reason;
  return v4.reason + "; " + v6.reason;
}

Sources sources_for(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host, const TenantId& tenant,
                    const IpAddress& arrival) {
  const std::optional<IpAddress> known = arrival.is_unspecified() ? std::nullopt : std::optional{arrival};
  return {netpolicy::choose_source(directory, host, tenant, known, Family::kIpv4),
          netpolicy::choose_source(directory, host, tenant, known, Family::kIpv6),
          known ? arrival.family() : Family::kIpv6};
}

std::string Target::text() const {
  return fmt::format("{}[{}]:{}", host, remote.ip.text(), remote.port);
}

bool leads_to_ourselves(const SocketAddress& remote, const netpolicy::HostAddresses& host,
                        const std::vector<SocketAddress>& listeners) {
  const IpAddress& ip = remote.ip;
  const bool is_this_network = ip.family() == Family::kIpv4 && ip.bytes()[0] == 0;  // 0.0.0.0/8
  if (ip.is_loopback() || ip.is_unspecified() || is_this_network || is_multicast_or_broadcast(ip)) return true;
  return std::any_of(listeners.begin(), listeners.end(), [&](const SocketAddress& own) {
    if (own.port != remote.port) return false;
    return own.ip.is_unspecified() ? own.ip.family() == ip.family() && host.contains(ip) : own.ip == ip;
  });
}

Task<Targets> find_targets(const TargetSearch& search, const Destination& destination, std::string host) {
  Lookup found;
  const auto literal = IpAddress::parse(host);
  if (literal) {
    found.of(literal->family()) = {*literal};
  } else {
    if (search.sources.must_wait()) {
      const Family family = search.sources.preferred;
      co_await look_up(search.resolver, host, family, found);
      if (found.is_unknown) co_return Targets{Targets::Kind::kUnknown, {}, {}};
      if (!found.of(family).empty()) co_return without_source(search, host, family, "has");
    }
    for (const Family family : {Family::kIpv6, Family::kIpv4}) {
      if (search.sources.has(family)) co_await look_up(search.resolver, host, family, found);
    }
  }
  // A lookup that failed says nothing about the family: the mail is tried again, not held for a missing source.
  if (found.is_unknown && found.v4.empty() && found.v6.empty()) co_return Targets{Targets::Kind::kUnknown, {}, {}};
  for (const Family family : {Family::kIpv6, Family::kIpv4}) {
    if (search.sources.has(family)) continue;
    if (!literal && (!found.v4.empty() || !found.v6.empty())) continue;
    if (!literal) co_await look_up(search.resolver, host, family, found);
    if (found.of(family).empty()) continue;
    co_return without_source(search, host, family, "has only");
  }
  Targets targets = targets_of(search, destination, host, found);
  if (targets.kind == Targets::Kind::kNone && found.is_unknown) targets.kind = Targets::Kind::kUnknown;
  co_return targets;
}

}  // namespace bulkhead::delivery

#include "netpolicy/source_choice.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::netpolicy {

namespace {

SourceDecision use(const tenants::SourceAddress& address) {
  return {SourceDecision::Kind::kUse, address.ip, address.helo, {}};
}

SourceDecision no_source(std::string reason) {
  return {SourceDecision::Kind::kNoSource, {}, {}, std::move(reason)};
}

std::string missing(const std::vector<const tenants::SourceAddress*>& addresses) {
  if (addresses.size() == 1) return fmt::format("address {} is not present on this host", addresses[0]->ip.text());
  return fmt::format("none of the {} addresses that may be used is present on this host; the first is {}",
                     addresses.size(), addresses[0]->ip.text());
}

}  // namespace

bool HostAddresses::contains(const IpAddress& ip) const {
  return present.contains(ip) || std::any_of(local_networks.begin(), local_networks.end(),
                                             [&](const IpNetwork& network) { return network.contains(ip); });
}

SourceDecision choose_source(const tenants::Snapshot& directory, const HostAddresses& host, const TenantId& tenant,
                             const std::optional<IpAddress>& arrival, Family family) {
  const auto& usable = directory.usable_addresses(tenant, family);
  if (usable.empty()) {
    return no_source(fmt::format("the tenant has no {} address, so that family is not used",
                                 family == Family::kIpv4 ? "IPv4" : "IPv6"));
  }
  if (arrival) {
    const auto same = std::find_if(usable.begin(), usable.end(), [&](const auto* a) { return a->ip == *arrival; });
    if (same != usable.end()) {
      if (host.contains(*arrival)) return use(**same);
      return no_source(
          fmt::format("address {}, which the mail arrived on, is not present on this host", arrival->text()));
    }
  }
  const auto first = std::find_if(usable.begin(), usable.end(), [&](const auto* a) { return host.contains(a->ip); });
  return first != usable.end() ? use(**first) : no_source(missing(usable));
}

}  // namespace bulkhead::netpolicy

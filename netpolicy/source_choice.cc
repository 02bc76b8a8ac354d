#include "netpolicy/source_choice.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::netpolicy {

namespace {

SourceDecision use(const tenants::SourceAddress& address) {
  return {SourceDecision::Kind::kUse, address.ip, address.helo, {}, false, false};
}

SourceDecision unused(std::string reason) {
  return {SourceDecision::Kind::kNoSource, {}, {}, std::move(reason), false, false};
}

SourceDecision no_source(std::string reason) {
  return {SourceDecision::Kind::kNoSource, {}, {}, std::move(reason), false, true};
}

// Nothing when the address is not withheld.
std::optional<SourceDecision> withheld(const HostAddresses& host, const IpAddress& ip) {
  const auto found = host.withheld.find(ip);
  if (found == host.withheld.end()) return std::nullopt;
  auto decision = no_source(fmt::format("address {} {}", ip.text(), found->second));
  decision.is_withheld = true;
  return decision;
}

std::string missing(const std::vector<const tenants::SourceAddress*>& addresses) {
  if (addresses.size() == 1) return fmt::format("address {} is not present on this host", addresses[0]->ip.text());
  return fmt::format("none of the {} addresses that may be used is present on this host; the first is {}",
                     addresses.size(), addresses[0]->ip.text());
}

// Why no address of the family may be used.
std::string unusable(const tenants::Snapshot& directory, const TenantId& id, Family family) {
  const auto* name = family == Family::kIpv4 ? "IPv4" : "IPv6";
  const auto* tenant = directory.tenant(id);
  if (tenant == nullptr) return "the tenant of this mail was removed";
  if (directory.has_own_address(id))
    return fmt::format("the tenant has no {} address, so that family is not used", name);
  if (tenant->shares_addresses) return fmt::format("the tenant shares addresses, and no {} address is shared", name);
  return fmt::format(
      "the tenant {0} has no address of its own any more, and its mail leaves from no shared one unless an operator "
      "says so: bulkhead tenant set {0} --shared-addresses yes",
      tenant->name);
}

}  // namespace

bool HostAddresses::contains(const IpAddress& ip) const {
  return present.contains(ip) || std::any_of(local_networks.begin(), local_networks.end(),
                                             [&](const IpNetwork& network) { return network.contains(ip); });
}

SourceDecision choose_source(const tenants::Snapshot& directory, const HostAddresses& host, const TenantId& tenant,
                             const std::optional<IpAddress>& arrival, Family family) {
  const auto& usable = directory.usable_addresses(tenant, family);
  if (usable.empty()) return unused(unusable(directory, tenant, family));
  if (arrival) {
    const auto same = std::find_if(usable.begin(), usable.end(), [&](const auto* a) { return a->ip == *arrival; });
    if (same != usable.end()) {
      if (host.may_send(*arrival)) return use(**same);
      if (auto waits = withheld(host, *arrival)) return *waits;
      return no_source(
          fmt::format("address {}, which the mail arrived on, is not present on this host", arrival->text()));
    }
  }
  const auto first = std::find_if(usable.begin(), usable.end(), [&](const auto* a) { return host.may_send(a->ip); });
  if (first != usable.end()) return use(**first);
  for (const auto* address : usable) {
    if (auto waits = withheld(host, address->ip)) return *waits;
  }
  return no_source(missing(usable));
}

}  // namespace bulkhead::netpolicy

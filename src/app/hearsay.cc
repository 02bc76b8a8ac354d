#include "src/app/hearsay.h"

#include <algorithm>
#include <tuple>

namespace bulkhead::app {

namespace {

std::string folded(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

Hearsay::Address& Hearsay::open(const IpAddress& ip, UtcTime now) {
  if (const auto known = addresses_.find(ip); known != addresses_.end()) return known->second;
  if (addresses_.size() >= kAddressesMax) {
    addresses_.erase(std::ranges::min_element(addresses_, {}, [](const auto& each) { return each.second.since; }));
  }
  Address& address = addresses_[ip];
  address.since = address.told_since = now;
  return address;
}

// What few sites have said goes first, so that one site's inventions do not push out what others agree on.
void Hearsay::make_room(std::vector<Zone>& zones) {
  if (zones.size() < kZonesMax) return;
  zones.erase(std::ranges::min_element(zones, {}, [](const Zone& zone) {
    return std::tuple{zone.sites.size(), zone.since};
  }));
}

std::optional<NamedListing::Weight> Hearsay::hear(const NamedListing& named, UtcTime now) {
  Address& address = open(named.source, now);
  std::erase_if(address.zones, [now](const Zone& zone) { return now - zone.since >= kDay; });
  const std::string name = folded(named.zone);
  const auto known = std::ranges::find(address.zones, name, &Zone::name);
  if (known != address.zones.end()) {
    if (known->sites.size() >= kSites || !known->sites.insert(folded(named.site)).second) return std::nullopt;
    if (known->sites.size() < kSites) return std::nullopt;
    return NamedListing::Weight::kConfirmed;
  }
  make_room(address.zones);
  address.zones.push_back({name, now, {folded(named.site)}});
  if (now - address.told_since >= kDay) {
    address.told_since = now;
    address.told = 0;
  }
  if (address.told >= kToldMax) return NamedListing::Weight::kCounted;
  ++address.told;
  return NamedListing::Weight::kTold;
}

}  // namespace bulkhead::app

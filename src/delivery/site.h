// Names of sites: which destinations count as one, so that they share a lane, its limits and its connections.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/net/resolver.h"

namespace bulkhead::delivery {

inline constexpr std::string_view kLocalSite = "local";  // our mailboxes; no remote site is called that
inline constexpr std::size_t kSiteLengthMax = 128;

// A provider's name when every MX is the same provider's; else the MX hosts, sorted, joined by '+', the end replaced by
// a hash when that grows too long; the domain itself when there are no MX records. Equal sets give equal names.
std::string site_of_mx(std::string_view domain, const std::vector<net::MxRecord>& records);

// Of a domain without MX records, or whose DNS is away: its own name, but never that of our mailboxes.
std::string site_of_domain(std::string_view name);

std::string site_of_route(std::string_view host, std::uint16_t port);
// No MX set's name looks like that.
bool is_site_of_route(std::string_view site);

}  // namespace bulkhead::delivery

// Reads what a DNS server answered. Pure: bytes in, records out; every count is bounded. Private to src/net.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "src/net/resolver.h"

namespace bulkhead::net {

enum class RecordType : std::uint16_t { kA = 1, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28 };

// The records of the type that was asked for; of the vectors only that type's is filled.
struct DnsAnswer {
  std::vector<MxRecord> mx;
  std::vector<IpAddress> addresses;
  std::vector<std::string> texts;  // TXT records, or the names of PTR records
  bool has_unusable_mx = false;    // one that names no possible host; left out of `mx`
  bool is_empty() const { return mx.empty() && addresses.empty() && texts.empty(); }
};

struct DnsMessage {
  DnsAnswer answer;
  std::optional<std::chrono::seconds> ttl;           // the least of the records used, CNAMEs included
  std::optional<std::chrono::seconds> negative_ttl;  // RFC 2308 §5, from the SOA of the authority section
};

// Reads the records of `type` that `name` has, through the CNAMEs of the answer itself. Nothing when it is malformed.
// More records than mail has any use for (100 MX, 50 addresses) are dropped.
std::optional<DnsMessage> parse_dns_message(std::string_view bytes, std::string_view name, RecordType type);

}  // namespace bulkhead::net

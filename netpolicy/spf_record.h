// The text of an SPF record as values (RFC 7208 §4.6). No lookups here: see spf_evaluation.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/ip_address.h"
#include "src/base/result.h"

namespace bulkhead::netpolicy {

struct SpfTerm {
  enum class Mechanism { kAll, kInclude, kA, kMx, kPtr, kIp4, kIp6, kExists } mechanism = Mechanism::kAll;
  char qualifier = '+';  // + - ~ ?
  std::string domain;    // "" : the domain that is being checked
  int prefix4 = 32, prefix6 = 128;
  IpNetwork network;  // of ip4 and ip6
};

struct SpfRecord {
  std::vector<SpfTerm> terms;  // in order, as they are tried
  std::string redirect;        // "" when absent
};

// Whether a TXT string is meant as SPF: "v=spf1", alone or before a blank.
bool is_spf(std::string_view text);

// kInvalid, naming the term, where RFC 7208 demands a "permerror".
Result<SpfRecord> parse_spf(std::string_view text);

}  // namespace bulkhead::netpolicy

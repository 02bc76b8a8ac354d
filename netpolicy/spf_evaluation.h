// Whether a domain's SPF record lets mail come from an address: check_host() of RFC 7208 §4, as far as the owner of
// the address needs it. Macros, "exists" and "ptr" are not evaluated; where they might decide, the result is
// kUndecided.
#pragma once

#include <string>

#include "netpolicy/spf_record.h"
#include "src/net/resolver.h"

namespace bulkhead::netpolicy {

enum class SpfResult { kNone, kNeutral, kPass, kFail, kSoftFail, kTempError, kPermError, kUndecided };

std::string_view to_string(SpfResult result);

// One evaluation; to be used once. The resolver must outlive it.
class SpfEvaluation {
 public:
  static constexpr int kLookupsMax = 10;  // RFC 7208 §4.6.4
  static constexpr int kVoidLookupsMax = 2;
  static constexpr std::size_t kMxMax = 10;

  SpfEvaluation(net::Resolver& resolver, IpAddress ip) : resolver_(resolver), ip_(ip) {}
  Task<SpfResult> run(std::string domain);

 private:
  enum class Match { kYes, kNo, kTempError, kPermError };

  Task<Match> match(SpfTerm term, std::string domain);
  Task<Match> match_include(std::string domain);
  Task<Match> match_hosts(std::vector<std::string> hosts, SpfTerm term);
  Task<Match> match_mx(std::string domain, SpfTerm term);
  bool count_lookup() { return ++lookups_ <= kLookupsMax; }
  // What a failed lookup means: nothing there counts as void, anything else is temporary.
  Match match_of(const Error& error);

  net::Resolver& resolver_;
  const IpAddress ip_;
  int lookups_ = 0;
  int void_lookups_ = 0;
  bool is_undecided_ = false;
};

}  // namespace bulkhead::netpolicy

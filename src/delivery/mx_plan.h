// From the MX records of a domain to the hosts to try, in order. Pure but for the random source.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/random.h"
#include "src/net/resolver.h"

namespace bulkhead::delivery {

struct MxPlan {
  enum class Kind {
    kHosts,
    kNullMx,  // RFC 7505: the domain takes no mail
    kLoop,    // we are the best host, or the only one: mail for the domain would come back to us
  } kind = Kind::kHosts;
  std::vector<std::string> hosts;
};

// RFC 5321 §5.1: by preference, at random within the same; our own name and whatever is not preferred to it are left
// out. At most `hosts_max`. A null MX beside others is left out. `records` must not be empty.
MxPlan plan_hosts(std::vector<net::MxRecord> records, const std::function<bool(std::string_view)>& is_our_name,
                  std::size_t hosts_max, Random& random);

}  // namespace bulkhead::delivery

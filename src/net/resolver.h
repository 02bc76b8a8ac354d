// DNS lookups with a bounded TTL cache. An interface, so that tests answer from a table.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/base/task.h"

namespace bulkhead::net {

struct MxRecord {
  std::uint16_t preference = 0;
  std::string exchange;  // lower case, no trailing dot; "" for the null MX (RFC 7505)
};

// Lookup outcomes as the error side tells them: kNotFound = NXDOMAIN or no such record (a definite no);
// kUnavailable / kTimeout = SERVFAIL, refused, no server answered: temporary.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<Result<std::vector<MxRecord>>> mx(std::string domain) = 0;  // as answered, not sorted
  virtual Task<Result<std::vector<IpAddress>>> addresses(std::string host, Family family) = 0;  // A or AAAA
  virtual Task<Result<std::vector<std::string>>> txt(std::string name) = 0;  // strings of a record joined
  virtual Task<Result<std::vector<std::string>>> ptr(IpAddress ip) = 0;
};

}  // namespace bulkhead::net

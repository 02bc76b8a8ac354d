// DNS lookups with a bounded TTL cache. An interface, so that tests answer from a table.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/base/task.h"

namespace bulkhead::net {

class Shard;

struct MxRecord {
  std::uint16_t preference = 0;
  std::string exchange;  // lower case, no trailing dot; "" for the null MX (RFC 7505)
};

// An answer that no cache of ours has given.
struct FreshAddresses {
  Result<std::vector<IpAddress>> addresses;
  std::chrono::seconds ttl{0};  // of the answer, also of a "no"
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
  // A records, asked for anew and not kept: for who watches an answer change. Leaves half of the places for questions
  // to the lookups above: kLimit beyond, which says nothing of the DNS.
  virtual Task<FreshAddresses> fresh_addresses(std::string host) {
    auto asking = addresses(std::move(host), Family::kIpv4);
    auto found = co_await std::move(asking);
    co_return FreshAddresses{std::move(found)};
  }
  // Asks these from the next question on, as ResolverOptions::servers says, and forgets what others answered.
  virtual Status use_servers(const std::vector<std::string>&) { return {}; }
};

// A lookup that has ended, for the metrics.
struct DnsLookup {
  // "ok", "none" (a definite no), "failed", "timeout", "refused" (too many are waiting), "cached": no question was
  // sent.
  std::string_view outcome;
  std::optional<std::chrono::microseconds> took;  // of a question that was sent
};

struct ResolverOptions {
  std::vector<std::string> servers{};               // "address:port"; empty: the system's, read again when they change
  std::chrono::milliseconds attempt_timeout{2000};  // of the first attempt; doubles from round to round
  std::chrono::milliseconds total_timeout{12000};   // of a question, whatever the number of servers
  std::size_t entries_max = 10000;                  // of the cache; its memory is bounded as well
  std::size_t questions_max = 1000;                 // on the way at once; beyond that lookups are kUnavailable
  std::function<void(const DnsLookup&)> on_lookup{};  // may be empty; called on the shard
};
// A resolver over c-ares for one shard; all calls on that shard. It must outlive every lookup. The same question asked
// by several is sent once; answers are cached by their TTL within [5 s, 1 h], a "no" by the zone's SOA or 60 s, a
// failure for 2 s. Fails when a server is no "address:port".
Result<std::unique_ptr<Resolver>> make_cares_resolver(Shard& shard, const Clock& clock, ResolverOptions options);

// The system's DNS servers now, as "address:port", in the order in which they are asked.
std::vector<std::string> system_dns_servers();

}  // namespace bulkhead::net

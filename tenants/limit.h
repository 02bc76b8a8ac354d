// The limits that the directory holds: for whom, and how much. Plain values; what enforces them is in netpolicy/limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "tenants/rate.h"

namespace bulkhead::tenants {

// What an account may do unless it has limits of its own.
enum class Plan : std::uint8_t { kNormal, kBulk, kNew };
inline constexpr std::size_t kPlans = 3;
std::string_view to_string(Plan plan);  // normal bulk new

// What happens to mail over a limit, as its tenant chose.
enum class OverLimit : std::uint8_t { kRefuse, kPace };
std::string_view to_string(OverLimit choice);  // refuse pace

enum class LimitScope : std::uint8_t {
  kPlan,         // each account of the plan
  kAccount,      // one account; comes before its plan's, measure by measure
  kTenant,       // all accounts of a tenant together
  kReseller,     // a tenant and all that it owns, together
  kAddress,      // all that is handed in on a source address
  kSite,         // all that leaves to a site
  kAddressSite,  // all that leaves from an address to a site
};
inline constexpr std::size_t kLimitScopes = 7;
std::string_view to_string(LimitScope scope);  // plan account tenant reseller address site address-site

enum class Measure : std::uint8_t { kMessages, kRecipients, kBytes };
inline constexpr std::size_t kMeasures = 3;
std::string_view to_string(Measure measure);  // messages recipients bytes

// Whom a limit is for, as a key: the bytes of an id or an address, a plan's number, a site's name, an address and a
// site.
std::string limit_subject(Plan plan);
std::string limit_subject(const IpAddress& address);
std::string limit_subject(const IpAddress& address, std::string_view site);
template <class Tag>
std::string limit_subject(const Id<Tag>& id) {
  return std::string{id.bytes()};
}

struct Limit {
  LimitScope scope = LimitScope::kAccount;
  std::string subject;
  // By measure. Nothing: as the plan says, or no limit. Unlimited: no limit, whatever the plan says.
  std::optional<Rate> messages, recipients, bytes;
  std::optional<std::uint32_t> connections;              // open at once; kSite and kAddressSite
  std::optional<std::uint32_t> messages_per_connection;  // the same
  std::optional<std::uint32_t> days;                     // of plan new: how long an account is new

  const std::optional<Rate>& rate(Measure measure) const {
    return measure == Measure::kMessages ? messages : measure == Measure::kRecipients ? recipients : bytes;
  }
  bool is_empty() const {
    return !messages && !recipients && !bytes && !connections && !messages_per_connection && !days;
  }
  bool operator==(const Limit&) const = default;
};

// The address, and the site, that a limit's subject names; nothing when its scope has none.
std::optional<IpAddress> limit_address(const Limit& limit);
std::string_view limit_site(const Limit& limit);
std::optional<Plan> parse_plan(std::string_view text);
std::optional<OverLimit> parse_over_limit(std::string_view text);

// What a plan allows when the directory says nothing else.
const Limit& default_limit(Plan plan);

// How many messages a new address may send to one site on its first day, its second, and so on; then as many as it
// likes.
using WarmUpTable = std::vector<std::uint64_t>;
const WarmUpTable& default_warm_up();

}  // namespace bulkhead::tenants

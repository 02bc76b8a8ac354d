#include "src/delivery/sending_limits.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "src/base/special_networks.h"
#include "src/delivery/site.h"

namespace bulkhead::delivery {

namespace {

using netpolicy::bucket_key;
using netpolicy::Meter;
using netpolicy::Ticks;
using tenants::LimitScope;
using tenants::Measure;

constexpr std::array kAllMeasures{Measure::kMessages, Measure::kRecipients, Measure::kBytes};

std::uint64_t amount_of(const queue::HandOut& job, Measure measure) {
  switch (measure) {
    case Measure::kMessages:
      return 1;
    case Measure::kRecipients:
      return job.recipients;
    case Measure::kBytes:
      return job.message.size;
  }
  return 0;
}

// How many whole days ago; 0 for what a clock that was set back leaves in the future.
std::size_t days_since(UtcTime then, UtcTime now) {
  return now <= then ? 0 : static_cast<std::size_t>(std::chrono::floor<std::chrono::days>(now - then).count());
}

class LimitGrant final : public queue::Grant {
 public:
  explicit LimitGrant(netpolicy::Limiter& limiter) : limiter_(limiter) {}
  void add(netpolicy::BucketPtr bucket, netpolicy::Slot slot) { taken_.emplace_back(std::move(bucket), slot); }
  void give_back() override {
    for (const auto& [bucket, slot] : std::exchange(taken_, {})) {
      bucket->give_back(slot, limiter_.timeline().now());
      limiter_.table().touch(bucket->key);
    }
  }

 private:
  netpolicy::Limiter& limiter_;
  std::vector<std::pair<netpolicy::BucketPtr, netpolicy::Slot>> taken_;
};

}  // namespace

tenants::Rate warm_up_rate(std::uint64_t messages_a_day) {
  const auto burst = std::max<std::uint64_t>(messages_a_day / 2, 1);
  return {std::max<std::uint64_t>(messages_a_day - burst, 1), std::chrono::hours{24}, burst};
}

// The arrival address if the tenant has it, otherwise the first that it may use.
const tenants::SourceAddress* source_of(const tenants::Snapshot& directory, const queue::LaneKey& lane) {
  const auto& usable = directory.usable_addresses(lane.tenant, lane.arrival.family());
  const auto is_arrival = [&](const auto* address) { return address->ip == lane.arrival; };
  if (const auto found = std::ranges::find_if(usable, is_arrival); found != usable.end()) return *found;
  return usable.empty() ? nullptr : usable.front();
}

void SendingLimits::add_limit(const tenants::Limit* limit, const queue::HandOut& job,
                              std::vector<Ceiling>& ceilings) const {
  if (limit == nullptr) return;
  const auto address = tenants::limit_address(*limit);
  for (const auto measure : kAllMeasures) {
    const auto& rate = limit->rate(measure);
    if (!rate || rate->is_unlimited()) continue;
    ceilings.push_back({bucket_key(limit->scope, measure, limit->subject), *rate, amount_of(job, measure), "limit",
                        fmt::format("limit of {} {} {}to {}", rate->text(), to_string(measure),
                                    address ? "from " + address->text() + " " : "", job.lane.site)});
  }
}

// Each of what is new has its own count: an old address does not vouch for a new tenant on it.
void SendingLimits::add_warm_up(const queue::HandOut& job, std::vector<Ceiling>& ceilings) const {
  const auto& table = directory_.warm_up();
  // A fixed next hop is no stranger who keeps a reputation.
  if (table.empty() || is_site_of_route(job.lane.site)) return;
  const auto* tenant = directory_.tenant(job.lane.tenant);
  const auto* source = source_of(directory_, job.lane);
  if (source == nullptr || tenant == nullptr) return;
  const auto address_day = days_since(source->created_at, now_);
  const auto tenant_day = days_since(tenant->created_at, now_);
  // What the Internet does not see has no reputation to be built up.
  if ((address_day >= table.size() && tenant_day >= table.size()) || !is_globally_routed(source->ip)) return;
  const auto add = [&](std::size_t day, std::string subject, const std::string& what) {
    if (day >= table.size()) return;
    ceilings.push_back(
        {"w" + subject + "\n" + job.lane.site, warm_up_rate(table[day]), 1, "warm-up",
         fmt::format("warm-up of {}: {} messages to {} on day {}", what, table[day], job.lane.site, day + 1)});
  };
  add(address_day, "a" + std::string{source->ip.bytes()}, "address " + source->ip.text());
  add(tenant_day, "t" + std::string{tenant->id.bytes()} + std::string{source->ip.bytes()},
      "tenant " + tenant->name + " on " + source->ip.text());
}

std::vector<Ceiling> SendingLimits::ceilings_of(const queue::HandOut& job, std::vector<Ceiling> ceilings) const {
  if (!directory_.limits().empty()) {
    add_limit(directory_.limit(LimitScope::kSite, job.lane.site), job, ceilings);
    add_limit(directory_.limit(LimitScope::kAddressSite, tenants::limit_subject(job.lane.arrival, job.lane.site)), job,
              ceilings);
  }
  add_warm_up(job, ceilings);
  return ceilings;
}

queue::GoAnswer SendingLimits::take(const queue::HandOut& job, std::vector<Ceiling> others) {
  const auto ceilings = ceilings_of(job, std::move(others));
  if (ceilings.empty()) return {};
  const Ticks now = limiter_.timeline().now();
  auto grant = std::make_unique<LimitGrant>(limiter_);
  for (const auto& ceiling : ceilings) {
    const Meter meter{ceiling.rate};
    auto bucket = limiter_.table().find(ceiling.key, ceiling.rate, now);
    // The mail was accepted and must leave some day.
    const auto amount = std::min(ceiling.amount, std::max<std::uint64_t>(ceiling.rate.burst, 1));
    const auto slot = bucket->reserve(meter, amount, now);
    if (slot) {
      grant->add(bucket, *slot);
      const auto rest = std::min(ceiling.amount - amount, meter.amount(netpolicy::kPaceTicksMax));
      if (rest > 0) grant->add(bucket, bucket->owe(meter, rest, now));
      continue;
    }
    const Ticks wait = bucket->fits_at(meter, amount, now) - now;
    grant->give_back();
    const auto until_fit =
        std::chrono::ceil<std::chrono::microseconds>(std::chrono::nanoseconds{std::max<Ticks>(wait, 1)});
    return {queue::Pause{ceiling.scope, std::min<std::chrono::microseconds>(until_fit, ceiling.wait_max), ceiling.code,
                         ceiling.text, ceiling.part}};
  }
  return {std::nullopt, std::move(grant)};
}

}  // namespace bulkhead::delivery

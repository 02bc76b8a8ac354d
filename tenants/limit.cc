#include "tenants/limit.h"

#include <algorithm>
#include <array>

namespace bulkhead::tenants {

namespace {

constexpr std::array<std::string_view, kPlans> kPlanNames{"normal", "bulk", "new"};
constexpr std::array<std::string_view, 2> kChoices{"refuse", "pace"};
constexpr std::array<std::string_view, kLimitScopes> kScopes{"plan",    "account", "tenant",      "reseller",
                                                             "address", "site",    "address-site"};
constexpr std::array<std::string_view, kMeasures> kMeasureNames{"messages", "recipients", "bytes"};

Rate per_hour(std::uint64_t count) {
  return {count, std::chrono::hours{1}, count};
}
Rate per_day(std::uint64_t count) {
  return {count, std::chrono::hours{24}, count};
}

Limit plan_limit(Plan plan, Rate messages, Rate recipients) {
  Limit limit;
  limit.scope = LimitScope::kPlan;
  limit.subject = limit_subject(plan);
  limit.messages = messages;
  limit.recipients = recipients;
  return limit;
}

// What a person writes in an hour, and a list of colleagues, fits; what a stolen password is used for does not.
Limit new_account() {
  auto limit = plan_limit(Plan::kNew, per_hour(200), per_day(1000));
  limit.days = 14;
  return limit;
}

}  // namespace

std::string_view to_string(Plan plan) {
  return kPlanNames[static_cast<std::size_t>(plan)];
}
std::string_view to_string(OverLimit choice) {
  return kChoices[static_cast<std::size_t>(choice)];
}
std::string_view to_string(LimitScope scope) {
  return kScopes[static_cast<std::size_t>(scope)];
}
std::string_view to_string(Measure measure) {
  return kMeasureNames[static_cast<std::size_t>(measure)];
}

std::string limit_subject(Plan plan) {
  return std::string{to_string(plan)};
}
std::string limit_subject(const IpAddress& address) {
  return std::string{address.bytes()};
}
std::string limit_subject(const IpAddress& address, std::string_view site) {
  // The family comes first, so that no address and site of one family read as those of the other.
  std::string subject{address.family() == Family::kIpv4 ? "4" : "6"};
  return subject.append(address.bytes()).append(site);
}

namespace {

std::optional<IpAddress> address_of(std::string_view bytes) {
  if (bytes.size() == 4) {
    std::array<std::uint8_t, 4> v4{};
    std::ranges::copy(bytes, v4.begin());
    return IpAddress::v4(v4);
  }
  if (bytes.size() != 16) return std::nullopt;
  std::array<std::uint8_t, 16> v6{};
  std::ranges::copy(bytes, v6.begin());
  return IpAddress::v6(v6);
}

// Of an address with a site: where the site's name begins.
std::size_t site_offset(std::string_view subject) {
  return std::min<std::size_t>(subject.starts_with('4') ? 5 : 17, subject.size());
}

template <class Enum, std::size_t N>
std::optional<Enum> find_word(const std::array<std::string_view, N>& words, std::string_view text) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

std::optional<IpAddress> limit_address(const Limit& limit) {
  if (limit.scope == LimitScope::kAddress) return address_of(limit.subject);
  if (limit.scope != LimitScope::kAddressSite || limit.subject.empty()) return std::nullopt;
  return address_of(std::string_view{limit.subject}.substr(1, site_offset(limit.subject) - 1));
}

std::string_view limit_site(const Limit& limit) {
  const std::string_view subject{limit.subject};
  if (limit.scope == LimitScope::kSite) return subject;
  return limit.scope == LimitScope::kAddressSite ? subject.substr(site_offset(subject)) : std::string_view{};
}

std::optional<Plan> parse_plan(std::string_view text) {
  return find_word<Plan>(kPlanNames, text);
}
std::optional<OverLimit> parse_over_limit(std::string_view text) {
  return find_word<OverLimit>(kChoices, text);
}

const Limit& default_limit(Plan plan) {
  static const std::array<Limit, kPlans> kLimits{
      plan_limit(Plan::kNormal, per_hour(500), per_day(5000)),
      plan_limit(Plan::kBulk, Rate::unlimited(), Rate::unlimited()),
      new_account(),
  };
  return kLimits[static_cast<std::size_t>(plan)];
}

const WarmUpTable& default_warm_up() {
  static const WarmUpTable kTable{50, 100, 200, 400, 800, 1500, 3000, 5000, 8000, 12000, 18000, 27000, 40000, 60000};
  return kTable;
}

}  // namespace bulkhead::tenants
